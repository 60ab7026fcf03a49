"""Lists what agent runs own, and deletes the pods and Jobs that outlive their run.

A 404 for a run proves little: its pods outlive it without `blockOwnerDeletion`, or if they have other owners. So the
objects of the kinds that the settings name (`owns`) and the pods are listed, as metadata. steps.agents.owned_resources
says whose they are. Guarantees that each delete has the uid as its precondition, and that none is sent after the Lease
is lost. A pod that has ended (Succeeded, Failed) is not listed as active. Not covered: a force-deleted pod on an
unreachable node, and processes that an agent started outside its pod.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from steps.agents.owned_object import read_object
from steps.core import ConflictError, ForbiddenError, NotFoundError, UnavailableError
from steps.kube import JOBS, PODS, Resource
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from steps.agents.owned_object import OwnedObject
    from steps.kube import Json, Kube
    from steps.lease import HeldLease
    from steps.settings import RunKind

_ACTIVE = "status.phase!=Succeeded,status.phase!=Failed"
_JOB_ENDED = ("Complete", "Failed")


def owned_resources(kinds: Iterable[RunKind], *, plurals: Collection[str]) -> tuple[Resource, ...]:
    """Return the resources that runs of these kinds own.

    Args:
        kinds: The kinds of the settings.
        plurals: The plural names of the runs' kinds. If the settings have none of them, all kinds count.
    """
    known = tuple(kinds)
    chosen = [kind for kind in known if kind.plural in plurals] or known
    found = dict.fromkeys(owned for kind in chosen for owned in kind.owned_resources)
    return tuple(Resource(group=each.group, version=each.version, plural=each.plural) for each in found)


def list_objects(resources: Iterable[Resource], *, kube: Kube, namespaces: Iterable[str]) -> list[OwnedObject]:
    """List the metadata of all objects of these resources, in each of these namespaces.

    Raises:
        BadInputError: The API server does not serve a resource: its CRD is not installed.
    """
    return [
        read_object(each, resource=resource)
        for resource, namespace in product(resources, namespaces)
        for each in kube.list(resource, namespace=namespace, metadata_only=True)
    ]


def list_active_pods(*, kube: Kube, namespaces: Iterable[str]) -> list[OwnedObject]:
    """List the metadata of the pods that have not ended, in each of these namespaces."""
    return [
        read_object(each, resource=PODS)
        for namespace in namespaces
        for each in kube.list(PODS, namespace=namespace, fields=_ACTIVE, metadata_only=True)
    ]


def has_ended(job: OwnedObject, *, kube: Kube) -> bool:
    """Whether a Job starts no further pod: it is complete, has failed, or is gone."""
    for each in kube.list(JOBS, namespace=job.namespace, fields=f"metadata.name={job.name}"):
        if each["metadata"]["uid"] == job.uid:
            conditions = (each.get("status") or {}).get("conditions") or ()
            return any(found["type"] in _JOB_ENDED and found["status"] == "True" for found in conditions)
    return True


def end_pods(pods: Iterable[OwnedObject], *, kube: Kube, held: HeldLease) -> None:
    """Delete pods, each with its own grace period. A pod that is gone or was replaced is left alone."""
    _delete_pods(pods, {}, WriteCause.POD, kube=kube, held=held)


def force_delete_pods(pods: Iterable[OwnedObject], *, kube: Kube, held: HeldLease) -> None:
    """Delete pods without a grace period. A pod that is gone or was replaced is left alone."""
    _delete_pods(pods, {"gracePeriodSeconds": 0}, WriteCause.FORCE, kube=kube, held=held)


def _delete_pods(pods: Iterable[OwnedObject], grace: Json, cause: WriteCause, *, kube: Kube, held: HeldLease) -> None:
    for pod in pods:
        held.ensure_held()
        options = {**grace, "preconditions": {"uid": pod.uid}}
        reason = held.write_reason(cause)
        try:
            kube.delete(
                PODS, namespace=pod.namespace, name=pod.name, options=options, reason=reason, guard=held.ensure_held
            )
        except (NotFoundError, ConflictError):
            continue


def delete_jobs(jobs: Iterable[OwnedObject], *, kube: Kube, held: HeldLease) -> dict[str, str]:
    """Delete Jobs that nobody else deletes, because each would start its pod again.

    A Job that is gone, was replaced or has changed is left alone. The next look decides about it.

    Returns:
        Why a Job could not be deleted, by its uid; an empty text if it is being deleted.

    Raises:
        LockLostError: The Lease was lost. No further delete was sent.
    """
    answers: dict[str, str] = {}
    for job in jobs:
        held.ensure_held()
        preconditions = {"uid": job.uid, "resourceVersion": job.resource_version}
        options = {"propagationPolicy": "Background", "preconditions": preconditions}
        reason = held.write_reason(WriteCause.JOB, job.name)
        try:
            kube.delete(
                JOBS, namespace=job.namespace, name=job.name, options=options, reason=reason, guard=held.ensure_held
            )
        except (NotFoundError, ConflictError):
            continue
        except (ForbiddenError, UnavailableError) as error:
            answers[job.uid] = f"not deleted: {error}"
        else:
            answers[job.uid] = ""
    return answers

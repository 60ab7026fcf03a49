"""Lists what agent runs own, and deletes the pods, the Jobs and the further runs that outlive their run.

A 404 for a run proves little: its pods outlive it without `blockOwnerDeletion`, or if they have other owners. So the
objects of the kinds that the settings name (`owns`) and the pods are listed, as metadata. steps.agents.owned_resources
says whose they are. Guarantees that each delete has the uid as its precondition, and that none is sent after the Lease
is lost. A pod that has ended (Succeeded, Failed) is not listed as active. Not covered: a force-deleted pod on an
unreachable node, and processes that an agent started outside its pod.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from steps.agents.agent_run import parse_run
from steps.agents.owned_object import read_object
from steps.core import STEP_ENDS, ConflictError, NotFoundError, StepError
from steps.kube import PODS, Resource
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from steps.agents.agent_run import AgentRun
    from steps.agents.owned_object import OwnedObject
    from steps.kube import Json, Kube
    from steps.lease import HeldLease
    from steps.settings import RunKind, StepSettings

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


def has_ended(job: OwnedObject, *, kube: Kube, suspended: bool = False) -> bool:
    """Whether a Job starts no further pod: it is complete, has failed, or is gone.

    Args:
        job: The Job.
        kube: The API server.
        suspended: Whether a suspended Job counts as well. Whoever suspended it may resume it.
    """
    found = _read_again(job, kube=kube)
    if found is None:
        return True
    conditions = (found.get("status") or {}).get("conditions") or ()
    ended = any(each["type"] in _JOB_ENDED and each["status"] == "True" for each in conditions)
    return ended or (suspended and (found.get("spec") or {}).get("suspend") is True)


def read_run(each: OwnedObject, *, settings: StepSettings, kube: Kube) -> AgentRun | None:
    """Read an object whose resource is that of a kind of run; None if it has no such resource, or is gone."""
    resource = (each.resource.group, each.resource.plural)
    kind = next((kind for kind in settings.agents if (kind.group, kind.plural) == resource), None)
    found = _read_again(each, kube=kube) if kind else None
    return parse_run(found, kind=kind, hosts=settings.github.hosts_of_git) if kind and found else None


def _read_again(each: OwnedObject, *, kube: Kube) -> Json | None:
    """Read an object of which only the metadata is known; None if it is gone."""
    listed = kube.list(each.resource, namespace=each.namespace, fields=f"metadata.name={each.name}")
    return next((found for found in listed if found["metadata"]["uid"] == each.uid), None)


def end_pods(pods: Iterable[OwnedObject], *, kube: Kube, held: HeldLease) -> dict[str, StepError | None]:
    """Delete pods, each with its own grace period. As `delete_jobs`."""
    return _delete_each(pods, options=_of_uid, cause=WriteCause.POD, kube=kube, held=held)


def force_delete_pods(pods: Iterable[OwnedObject], *, kube: Kube, held: HeldLease) -> dict[str, StepError | None]:
    """Delete pods without a grace period. As `delete_jobs`."""
    return _delete_each(pods, options=_without_grace, cause=WriteCause.FORCE, kube=kube, held=held)


def delete_jobs(jobs: Iterable[OwnedObject], *, kube: Kube, held: HeldLease) -> dict[str, StepError | None]:
    """Delete Jobs that nobody else deletes, because each would start its pod again.

    An object that is gone, was replaced or has changed is left alone. The next look decides about it. An object whose
    DELETE is refused keeps none of the others alive.

    Returns:
        Why an object could not be deleted, by its uid; None if it is being deleted.

    Raises:
        LockLostError: The Lease was lost. No further delete was sent.
        TerminatedError: The pod is being stopped. No further delete was sent.
    """
    return _delete_each(jobs, options=_of_version, cause=WriteCause.JOB, kube=kube, held=held)


def delete_owned_runs(runs: Iterable[OwnedObject], *, kube: Kube, held: HeldLease) -> dict[str, StepError | None]:
    """Delete objects of a kind of run that a stopped run owns. As `delete_jobs`."""
    return _delete_each(runs, options=_of_version, cause=WriteCause.STALE, kube=kube, held=held)


def _of_uid(pod: OwnedObject) -> Json:
    return {"preconditions": {"uid": pod.uid}}


def _without_grace(pod: OwnedObject) -> Json:
    return {"gracePeriodSeconds": 0, **_of_uid(pod)}


def _of_version(job: OwnedObject) -> Json:
    preconditions = {"uid": job.uid, "resourceVersion": job.resource_version}
    return {"propagationPolicy": "Background", "preconditions": preconditions}


def _delete_each(
    objects: Iterable[OwnedObject],
    *,
    options: Callable[[OwnedObject], Json],
    cause: WriteCause,
    kube: Kube,
    held: HeldLease,
) -> dict[str, StepError | None]:
    answers: dict[str, StepError | None] = {}
    for each in objects:
        held.renew_if_due()
        held.ensure_held()
        reason = held.write_reason(cause, each.name)
        where = {"namespace": each.namespace, "name": each.name}
        try:
            kube.delete(each.resource, **where, options=options(each), reason=reason, guard=held.ensure_held)
        except STEP_ENDS:
            raise
        except (NotFoundError, ConflictError):
            continue
        except StepError as error:
            answers[each.uid] = error
        else:
            answers[each.uid] = None
    return answers

"""The Jobs and pods of agent runs: what still works after the run object itself is gone.

A 404 for a run proves little: without `blockOwnerDeletion`, or for pods that other things own, the pods outlive it. So
they are found by owner reference (run to Job to pod, or run to pod) and by the Job's name, which a run's status may
carry. A pod that has ended (Succeeded, Failed) no longer works and does not count. Not covered: a pod on an unreachable
node that was force-deleted, and processes that an agent started outside its pod.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.errors import ConflictError, NotFoundError
from steps.kube import JOBS, PODS
from steps.why import Cause

if TYPE_CHECKING:
    from collections.abc import Collection

    from steps.hold import Hold
    from steps.kube import Json, Kube

JOB_NAME = "batch.kubernetes.io/job-name"
_ACTIVE = "status.phase!=Succeeded,status.phase!=Failed"


def owned(obj: Json) -> set[str]:
    """Uids of an object's owners."""
    return {reference["uid"] for reference in obj["metadata"].get("ownerReferences") or ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The Jobs that runs are known to have; uids are unique for ever, names only while the Job lives."""

    run_uids: frozenset[str]
    job_uids: frozenset[str]
    job_names: frozenset[str]

    def grown(self, jobs: Collection[Json]) -> Family:
        """The family with these Jobs added."""
        return Family(
            run_uids=self.run_uids,
            job_uids=self.job_uids | {job["metadata"]["uid"] for job in jobs},
            job_names=self.job_names | {job["metadata"]["name"] for job in jobs},
        )


def find_jobs(family: Family, *, kube: Kube, namespace: str) -> list[Json]:
    """Metadata of the Jobs that the runs own or name."""
    return [
        job
        for job in kube.list(JOBS, namespace=namespace, metadata_only=True)
        if owned(job) & family.run_uids or job["metadata"]["name"] in family.job_names
    ]


def find_active_pods(family: Family, *, kube: Kube, namespace: str) -> list[Json]:
    """Metadata of the family's pods that have not ended."""
    owners = family.run_uids | family.job_uids
    return [
        pod
        for pod in kube.list(PODS, namespace=namespace, fields=_ACTIVE, metadata_only=True)
        if owned(pod) & owners or (pod["metadata"].get("labels") or {}).get(JOB_NAME) in family.job_names
    ]


def force(pods: Collection[Json], *, kube: Kube, namespace: str, hold: Hold) -> None:
    """Delete pods without grace; one that is gone or was replaced is left alone."""
    for pod in pods:
        hold.check()
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        try:
            why = hold.why(Cause.FORCE)
            kube.delete(PODS, namespace=namespace, name=pod["metadata"]["name"], options=options, why=why)
        except (NotFoundError, ConflictError):
            continue

"""The Jobs and pods of agent runs: what still works after the run object itself is gone.

A 404 for a run proves little: without `blockOwnerDeletion`, or for pods that other things own, the pods outlive it. So
they are found by owner reference (run to Job to pod, or run to pod) and by the Job's name, which a run's status may
carry; but what another run of the task owns is that one's, even if it has inherited the name. A pod that has ended
(Succeeded, Failed) no longer works and does not count. Not covered: a pod on an unreachable node that was
force-deleted, and processes that an agent started outside its pod.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from steps.core import ConflictError, NotFoundError
from steps.kube import JOBS, PODS
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from steps.kube import Json, Kube
    from steps.lease import HeldLease

JOB_NAME = "batch.kubernetes.io/job-name"
_ACTIVE = "status.phase!=Succeeded,status.phase!=Failed"


def owner_uids(obj: Json) -> set[str]:
    """Uids of an object's owners."""
    return {reference["uid"] for reference in obj["metadata"].get("ownerReferences") or ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedResources:
    """Runs, and the Jobs that they are known to have; uids are unique for ever, names only while the Job lives.

    Attributes:
        run_uids: The runs.
        names: What they call their Jobs.
        jobs: Their Jobs as they were seen, by uid.
        others: Uids of the task's other runs and of their Jobs: what these own is theirs, whatever it is called.
    """

    run_uids: frozenset[str]
    names: frozenset[str]
    jobs: Mapping[str, Json] = field(default_factory=dict)
    others: frozenset[str] = frozenset()

    @property
    def job_names(self) -> frozenset[str]:
        """What their Jobs are called."""
        return self.names | {job["metadata"]["name"] for job in self.jobs.values()}

    def has_job(self, job: Json) -> bool:
        """Whether a Job is of the family: owned by it, or of its name and nobody else's."""
        owners, metadata = owner_uids(job), job["metadata"]
        is_others = not self.others.isdisjoint({*owners, metadata["uid"]})
        return bool(owners & self.run_uids) or (metadata["name"] in self.job_names and not is_others)

    def has_pod(self, pod: Json) -> bool:
        """Whether a pod is of the family: owned by it or its Jobs, or of its Jobs' name and nobody else's."""
        owners, name = owner_uids(pod), (pod["metadata"].get("labels") or {}).get(JOB_NAME)
        is_own = not owners.isdisjoint(self.run_uids | self.jobs.keys())
        return is_own or (name in self.job_names and owners.isdisjoint(self.others))

    def with_others(self, uids: Collection[str]) -> OwnedResources:
        """The family, with these other runs known."""
        return replace(self, others=self.others | (frozenset(uids) - self.run_uids))

    def with_jobs(self, jobs: Collection[Json]) -> OwnedResources:
        """The family with these Jobs added, or known to be others'."""
        own = {job["metadata"]["uid"]: job for job in jobs if self.has_job(job)}
        others = {job["metadata"]["uid"] for job in jobs if not self.has_job(job)}
        return replace(self, jobs={**self.jobs, **own}, others=self.others | others)

    def only(self, uids: Collection[str], *, names: Collection[str]) -> OwnedResources:
        """These runs alone, with the Jobs that they own or that have these names; the others' are others'."""
        own = {
            uid: job
            for uid, job in self.jobs.items()
            if not owner_uids(job).isdisjoint(uids) or job["metadata"]["name"] in names
        }
        others = (self.run_uids | self.jobs.keys()).difference(uids, own)
        return replace(
            self, run_uids=frozenset(uids), names=frozenset(filter(None, names)), jobs=own, others=self.others | others
        )

    def without(self, uids: Collection[str], *, names: Collection[str]) -> OwnedResources:
        """The family without these runs, and without the Jobs that they own or that are called so."""
        left = {
            uid: job
            for uid, job in self.jobs.items()
            if owner_uids(job).isdisjoint(uids) and job["metadata"]["name"] not in names
        }
        return replace(self, run_uids=self.run_uids.difference(uids), names=self.names.difference(names), jobs=left)


def find_jobs(owned: OwnedResources, *, kube: Kube, namespace: str) -> list[Json]:
    """Metadata of the Jobs that the runs own, and of all that are called like one of theirs."""
    return [
        job
        for job in kube.list(JOBS, namespace=namespace, metadata_only=True)
        if owner_uids(job) & owned.run_uids or job["metadata"]["name"] in owned.job_names
    ]


def find_active_pods(owned: OwnedResources, *, kube: Kube, namespace: str) -> list[Json]:
    """Metadata of the family's pods that have not ended."""
    return [
        pod for pod in kube.list(PODS, namespace=namespace, fields=_ACTIVE, metadata_only=True) if owned.has_pod(pod)
    ]


def force_delete_pods(pods: Collection[Json], *, kube: Kube, namespace: str, held: HeldLease) -> None:
    """Delete pods without grace; one that is gone or was replaced is left alone."""
    for pod in pods:
        held.ensure_held()
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}}
        try:
            reason = held.write_reason(WriteCause.FORCE)
            kube.delete(
                PODS,
                namespace=namespace,
                name=pod["metadata"]["name"],
                options=options,
                reason=reason,
                guard=held.ensure_held,
            )
        except (NotFoundError, ConflictError):
            continue

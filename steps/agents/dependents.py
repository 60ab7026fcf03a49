"""The Jobs and pods of agent runs, which may still work after the run object is gone.

A 404 for a run proves little: its pods outlive it without `blockOwnerDeletion`, or if they have other owners. So Jobs
and pods are found by owner reference (run to Job to pod, or run to pod) and by the name of the Job, if the run's status
names it. Guarantees that a Job or pod of another run of the task is not matched, even if it has the same name. A pod
that has ended (Succeeded, Failed) does not count. Not covered: a force-deleted pod on an unreachable node, and
processes that an agent started outside its pod.
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
    """Return the uids of an object's owners."""
    return {reference["uid"] for reference in obj["metadata"].get("ownerReferences") or ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedResources:
    """Runs and their known Jobs. A uid is unique for ever, a name only while the Job exists.

    Attributes:
        run_uids: Uids of the runs.
        names: Names of their Jobs, from the runs' status.
        jobs: Their Jobs as last seen, by uid.
        others: Uids of the task's other runs and of their Jobs. Objects with these owners never match, whatever their
            name.
    """

    run_uids: frozenset[str]
    names: frozenset[str]
    jobs: Mapping[str, Json] = field(default_factory=dict)
    others: frozenset[str] = frozenset()

    @property
    def job_names(self) -> frozenset[str]:
        """Names of their Jobs."""
        return self.names | {job["metadata"]["name"] for job in self.jobs.values()}

    def has_job(self, job: Json) -> bool:
        """Whether a Job belongs to the runs: they own it, or it has a Job name of theirs and no other run owns it."""
        owners, metadata = owner_uids(job), job["metadata"]
        is_others = not self.others.isdisjoint({*owners, metadata["uid"]})
        return bool(owners & self.run_uids) or (metadata["name"] in self.job_names and not is_others)

    def has_pod(self, pod: Json) -> bool:
        """Whether a pod belongs to the runs: by owner, or by the name of its Job if no other run owns it."""
        owners, name = owner_uids(pod), (pod["metadata"].get("labels") or {}).get(JOB_NAME)
        is_own = not owners.isdisjoint(self.run_uids | self.jobs.keys())
        return is_own or (name in self.job_names and owners.isdisjoint(self.others))

    def with_others(self, uids: Collection[str]) -> OwnedResources:
        """Add uids of other runs."""
        return replace(self, others=self.others | (frozenset(uids) - self.run_uids))

    def with_jobs(self, jobs: Collection[Json]) -> OwnedResources:
        """Add Jobs: each to the runs' own Jobs, or to those of other runs."""
        own = {job["metadata"]["uid"]: job for job in jobs if self.has_job(job)}
        others = {job["metadata"]["uid"] for job in jobs if not self.has_job(job)}
        return replace(self, jobs={**self.jobs, **own}, others=self.others | others)

    def only(self, uids: Collection[str], *, names: Collection[str]) -> OwnedResources:
        """Keep only these runs, with the Jobs that they own or that have these names. The rest becomes `others`."""
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
        """Remove these runs, with the Jobs that they own or that have these names."""
        left = {
            uid: job
            for uid, job in self.jobs.items()
            if owner_uids(job).isdisjoint(uids) and job["metadata"]["name"] not in names
        }
        return replace(self, run_uids=self.run_uids.difference(uids), names=self.names.difference(names), jobs=left)


def find_jobs(owned: OwnedResources, *, kube: Kube, namespace: str) -> list[Json]:
    """List the metadata of the Jobs that the runs own or that have a Job name of theirs."""
    return [
        job
        for job in kube.list(JOBS, namespace=namespace, metadata_only=True)
        if owner_uids(job) & owned.run_uids or job["metadata"]["name"] in owned.job_names
    ]


def find_active_pods(owned: OwnedResources, *, kube: Kube, namespace: str) -> list[Json]:
    """List the metadata of the runs' pods that have not ended."""
    return [
        pod for pod in kube.list(PODS, namespace=namespace, fields=_ACTIVE, metadata_only=True) if owned.has_pod(pod)
    ]


def force_delete_pods(pods: Collection[Json], *, kube: Kube, namespace: str, held: HeldLease) -> None:
    """Delete pods without a grace period. A pod that is gone or was replaced is left alone."""
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

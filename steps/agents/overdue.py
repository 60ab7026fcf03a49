"""Ends what is left of stopped runs: pods and Jobs that nobody else deletes, and after the grace period all their pods.

Guarantees that nothing is ended that belongs to another run as well, that owns a kept run, or whose kind has to end by
itself. A Job is deleted before its pods, because it would start them again. A pod that has no owner gets its own grace
period as soon as its run is gone or has ended. Not guaranteed: that the objects go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from steps.agents.dependents import delete_jobs, end_pods, force_delete_pods
from steps.agents.observation import names_of
from steps.core import StepError, UnavailableError
from steps.domain import OWNER_REASON
from steps.kube import JOBS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from steps.agents.observation import Observation
    from steps.agents.owned_object import OwnedObject
    from steps.agents.owned_resources import OwnedResources
    from steps.domain import Agent
    from steps.kube import Kube
    from steps.lease import HeldLease
    from steps.runtime import StepContext

# A DELETE that was refused is sent again after this time.
_AGAIN_S = 5.0


class Delete(Protocol):
    """Deletes objects. Returns why one could not be deleted, by its uid; None if it is being deleted."""

    def __call__(
        self, objects: Iterable[OwnedObject], /, *, kube: Kube, held: HeldLease
    ) -> dict[str, StepError | None]:
        """Delete them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueObjects:
    """What is left of the runs whose grace period is over, and of no other run.

    Attributes:
        pods: Their pods, and runs that are pods themselves.
        jobs: The Jobs that nobody else deletes.
        blocked: Why a Job is not deleted, by its uid.
    """

    pods: tuple[OwnedObject, ...]
    jobs: tuple[OwnedObject, ...]
    blocked: dict[str, str]

    @classmethod
    def of(cls, observation: Observation, *, due: Collection[str], stopping: Collection[Agent]) -> OverdueObjects:
        """Choose them, unless a run's kind has to end by itself, or a kept run would be deleted with them.

        Args:
            observation: The objects that were found.
            due: Uids of the runs whose grace period is over.
            stopping: The runs that are being stopped.
        """
        by_itself = {run.uid for run in observation.runs if not run.kind.delete and not run.ended}
        overdue = [agent for agent in stopping if agent.uid in due and agent.uid not in by_itself]
        uids = {agent.uid for agent in overdue}
        own = _nearest(observation, overdue)
        others = _nearest(observation, [agent for agent in stopping if agent not in overdue])

        def is_overdue(each: OwnedObject) -> bool:
            return each.uid in uids or (own.has(each) and not others.has(each))

        pods = tuple(pod for pod in observation.pods if is_overdue(pod) and pod.uid not in observation.protected)
        busy = {uid for pod in pods for uid in pod.owner_uids}
        ended = {run.uid for run in observation.runs if run.ended}
        jobs = [
            job
            for job in observation.objects
            if job.resource == JOBS
            and is_overdue(job)
            # The Job of a run that stays, because it ended, is not deleted with it.
            and (job.uid in observation.loose or (job.uid in busy and not job.owner_uids.isdisjoint(ended)))
        ]
        blocked = {job.uid: reason for job in jobs if (reason := _obstacle(job, observation=observation))}
        return cls(pods=pods, jobs=tuple(job for job in jobs if job.uid not in blocked), blocked=blocked)


def _nearest(observation: Observation, agents: Collection[Agent]) -> OwnedResources:
    """Return what belongs to these runs directly, and not to another run that they own."""
    uids = {agent.uid for agent in agents}
    owned = observation.owned
    return owned.only(uids, names={agent.job_key for agent in agents}, barrier=owned.run_uids - uids)


def _obstacle(job: OwnedObject, *, observation: Observation) -> str:
    """Say why a Job must not be deleted; an empty text if it may be."""
    if job.uid in observation.protected:
        return f"it {OWNER_REASON}{observation.protected[job.uid]}"
    if job.uid in observation.loose and job.owners:
        return f"{job.owners[0].kind} {job.owners[0].name} owns it"
    return ""


class RemainingObjects:
    """Deletes what is left of the runs of one step: each object once, and again later if its DELETE was refused."""

    def __init__(self, *, context: StepContext, held: HeldLease) -> None:
        """Create it.

        Args:
            context: The step.
            held: The task's Lease.
        """
        self._context = context
        self._held = held
        self._not_before: dict[tuple[str, str], float] = {}  # monotonic seconds, by log event and uid
        self.refused: dict[str, str] = {}  # why an object could not be deleted, by its uid

    def end(self, own: OverdueObjects) -> None:
        """Delete Jobs, then pods without grace.

        Raises:
            LockLostError: The Lease was lost. No further delete was sent.
        """
        self._delete(own.jobs, delete_jobs, event="grace period is over, deleting Jobs")
        self._delete(own.pods, force_delete_pods, event="grace period is over, deleting pods")

    def end_loose_pods(self, observation: Observation, *, stopping: Collection[Agent]) -> None:
        """Delete the pods without an owner of runs that are gone or have ended. Nobody else would.

        Args:
            observation: A complete observation.
            stopping: The runs that are being stopped.

        Raises:
            LockLostError: The Lease was lost. No further delete was sent.
        """
        alive = {run.uid for run in observation.runs if not run.ended}
        over = {agent.uid for agent in stopping} - alive
        pods = OverdueObjects.of(observation, due=over, stopping=stopping).pods
        loose = [pod for pod in pods if not pod.owners and pod.uid not in over]
        self._delete(loose, end_pods, event="deleting pods without an owner")

    def _delete(self, objects: Iterable[OwnedObject], delete: Delete, *, event: str) -> None:
        context = self._context
        now = context.clock.monotonic()
        due = [each for each in objects if now >= self._not_before.get((event, each.uid), now)]
        if not due:
            return
        context.log.info(event, names=names_of(due))
        answers = delete(due, kube=context.clients.kube, held=self._held)
        for each in due:
            self.refused.pop(each.uid, None)
            if each.uid not in answers:
                continue  # it has changed or is gone: the next look decides
            error = answers[each.uid]
            self._not_before[event, each.uid] = math.inf
            if error:
                self.refused[each.uid] = f"not deleted: {error}"
                asked_s = error.retry_after_s if isinstance(error, UnavailableError) else None
                self._not_before[event, each.uid] = context.clock.monotonic() + max(_AGAIN_S, asked_s or 0.0)

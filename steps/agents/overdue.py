"""Ends what is left of stopped runs: pods and Jobs that nobody else deletes, and after the grace period all their pods.

Guarantees that nothing is ended that belongs to another run as well, that owns a kept run, or whose kind has to end by
itself. A Job is deleted before its pods, because it would start them again. A pod that has no owner gets its own grace
period as soon as its run is gone or has ended. An object of a kind of run, such as a Workflow that another one has
started, is stopped in the way of its kind as soon as the run that owns it has ended. Not guaranteed: that the objects
go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from steps.agents.dependents import delete_jobs, delete_owned_runs, end_pods, force_delete_pods
from steps.agents.graceful_stop import send_stop_patch
from steps.agents.observation import names_of
from steps.core import ConflictError, StepError, UnavailableError
from steps.domain import OWNER_REASON
from steps.kube import JOBS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from steps.agents.agent_run import AgentRun
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
        inner: The objects of a kind of run that go on although the run that owns them has ended.
        blocked: Why one of these objects is not stopped, by its uid.
    """

    pods: tuple[OwnedObject, ...]
    jobs: tuple[OwnedObject, ...]
    inner: tuple[AgentRun, ...]
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
            and (
                job.uid in observation.loose | observation.at_work
                or (job.uid in busy and not job.owner_uids.isdisjoint(ended))
            )
        ]
        inner = [each for each in observation.objects if each.uid in observation.inner and is_overdue(each)]
        found = [(each.uid, _obstacle(each, observation=observation)) for each in (*jobs, *inner)]
        blocked = {uid: reason for uid, reason in found if reason}
        return cls(
            pods=pods,
            jobs=tuple(job for job in jobs if job.uid not in blocked),
            inner=tuple(observation.inner[each.uid] for each in inner if each.uid not in blocked),
            blocked=blocked,
        )


def _nearest(observation: Observation, agents: Collection[Agent]) -> OwnedResources:
    """Return what belongs to these runs directly, and not to another run that they own."""
    uids = {agent.uid for agent in agents}
    owned = observation.owned
    return owned.only(uids, names={agent.job_key for agent in agents}, barrier=owned.run_uids - uids)


def _obstacle(each: OwnedObject, *, observation: Observation) -> str:
    """Say why an object must not be stopped; an empty text if it may be."""
    if each.uid in observation.protected:
        return f"it {OWNER_REASON}{observation.protected[each.uid]}"
    if each.uid in observation.loose and each.owners:
        return f"{each.owners[0].kind} {each.owners[0].name} owns it"
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
        """Delete Jobs and objects of kinds that may be deleted, then pods without grace.

        Raises:
            LockLostError: The Lease was lost. No further delete was sent.
        """
        self._delete(own.jobs, delete_jobs, event="grace period is over, deleting Jobs")
        self._delete_runs(own.inner)
        self._delete(own.pods, force_delete_pods, event="grace period is over, deleting pods")

    def end_ownerless(self, observation: Observation, *, stopping: Collection[Agent]) -> None:
        """Begin to end what goes on after runs that are gone or have ended, and what nobody else would end.

        These are pods without an owner, and objects of a kind of run.

        Args:
            observation: A complete observation.
            stopping: The runs that are being stopped.

        Raises:
            LockLostError: The Lease was lost. No further delete was sent.
        """
        alive = {run.uid for run in observation.runs if not run.ended}
        over = {agent.uid for agent in stopping} - alive
        own = OverdueObjects.of(observation, due=over, stopping=stopping)
        loose = [pod for pod in own.pods if not pod.owners and pod.uid not in over]
        self._delete(loose, end_pods, event="deleting pods without an owner")
        to_ask = {run.uid: run for run in own.inner if run.kind.stop_patch}

        def ask(objects: Iterable[OwnedObject], /, *, kube: Kube, held: HeldLease) -> dict[str, StepError | None]:
            del kube  # that of the step
            runs = [to_ask[each.uid] for each in objects]
            answers = {run.uid: send_stop_patch(run, context=self._context, held=held) for run in runs}
            # One that has changed is read and asked again.
            return {uid: error for uid, error in answers.items() if not isinstance(error, ConflictError)}

        self._delete([run.as_object() for run in to_ask.values()], ask, event="asking what stopped runs own to stop")
        self._delete_runs(run for run in own.inner if run.uid not in to_ask)

    def _delete_runs(self, runs: Iterable[AgentRun]) -> None:
        found = [run.as_object() for run in runs if run.kind.delete]
        self._delete(found, delete_owned_runs, event="deleting what stopped runs own")

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
                self._not_before[event, each.uid] = context.clock.monotonic() + max(_AGAIN_S, asked_s or _AGAIN_S)

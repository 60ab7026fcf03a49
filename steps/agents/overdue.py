"""Ends what is left of stopped runs: pods and Jobs that nobody else deletes, and after the grace period all their pods.

Guarantees that nothing is ended that belongs to another run as well, that owns a kept run, or whose kind has to end by
itself. A Job is deleted before its pods, because it would start them again. A pod that has no owner gets its own grace
period as soon as its run is gone or has ended. Not guaranteed: that the objects go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.agents.dependents import delete_jobs, end_pods, force_delete_pods
from steps.agents.observation import names_of
from steps.domain import OWNER_REASON
from steps.kube import JOBS

if TYPE_CHECKING:
    from collections.abc import Collection

    from steps.agents.observation import Observation
    from steps.agents.owned_object import OwnedObject
    from steps.agents.owned_resources import OwnedResources
    from steps.domain import Agent
    from steps.lease import HeldLease
    from steps.runtime import StepContext


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


def end_objects(own: OverdueObjects, *, handled: set[str], context: StepContext, held: HeldLease) -> dict[str, str]:
    """Delete Jobs, then pods without grace, each once. Return why a Job could not be deleted, by its uid."""
    kube = context.clients.kube
    jobs = [job for job in own.jobs if job.uid not in handled]
    pods = [pod for pod in own.pods if pod.uid not in handled]
    if jobs:
        context.log.warning("grace period is over, deleting Jobs", jobs=names_of(jobs))
    answers = delete_jobs(jobs, kube=kube, held=held)
    if pods:
        context.log.warning("grace period is over, deleting pods", pods=names_of(pods))
        force_delete_pods(pods, kube=kube, held=held)
    handled |= {uid for uid, refused in answers.items() if not refused} | {pod.uid for pod in pods}
    return {uid: refused for uid, refused in answers.items() if refused}


def end_loose_pods(
    observation: Observation, *, stopping: Collection[Agent], asked: set[str], context: StepContext, held: HeldLease
) -> None:
    """Delete the pods without an owner of runs that are gone or have ended, each once. Nobody else would.

    Args:
        observation: A complete observation.
        stopping: The runs that are being stopped.
        asked: Uids of the pods that were deleted before; these are added.
        context: The step.
        held: The task's Lease.
    """
    alive = {run.uid for run in observation.runs if not run.ended}
    over = {agent.uid for agent in stopping} - alive
    pods = OverdueObjects.of(observation, due=over, stopping=stopping).pods
    loose = [pod for pod in pods if not pod.owners and pod.uid not in asked | over]
    if loose:
        context.log.info("deleting pods without an owner", pods=names_of(loose))
        end_pods(loose, kube=context.clients.kube, held=held)
        asked |= {pod.uid for pod in loose}

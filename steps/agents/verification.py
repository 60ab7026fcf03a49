"""Verifies that agents are gone, each one separately.

Guarantees that a run is called gone only after its object, the Jobs and their pods were listed and none of them was
active. The grace period of a run begins when its DELETE or stop request is accepted. After the grace period, its pods
are deleted without grace, unless the kind may not be deleted. Pods of a run whose DELETE was refused keep their grace
period. A run that does not end in time is reported as stuck, with the remaining objects. Not covered: pods that belong
to a run other than by Job or owner reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.agents.deletion import STOPPED_ON_REQUEST
from steps.agents.dependents import OwnedResources, find_active_pods, find_jobs, force_delete_pods, owner_uids
from steps.agents.runs import decide_by_record, task_runs
from steps.core import poll_pauses
from steps.domain import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from steps.agents.runs import AgentRun
    from steps.domain import Agent, Record
    from steps.kube import Json
    from steps.lease import HeldLease
    from steps.runtime import StepContext

# A hundred agents, each with its reason, have to fit into one annotation.
_MAX_REASON = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The objects that were found at one moment.

    Attributes:
        complete: Whether Jobs and pods were listed as well. Otherwise, no run is known to be gone.
    """

    runs: tuple[AgentRun, ...]
    owned: OwnedResources
    complete: bool
    jobs: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()

    def remains_of(self, agent: Agent) -> str:
        """Describe the remaining objects of one run; an empty text if it is gone. Needs a complete observation."""
        run = next((run for run in self.runs if run.uid == agent.uid), None)
        if run and not run.ended:
            blocked = run.facts.deleting and run.finalizers
            waits_for = f"; its finalizers are {', '.join(run.finalizers)}" if blocked else ""
            return f"its object still exists in phase {run.facts.phase or 'none'}{waits_for}"[:_MAX_REASON]
        own = self.owned.only({agent.uid}, names={agent.job})
        jobs = [job for job in self.jobs if agent.uid in owner_uids(job)]
        if jobs and not run:
            return f"its Job {jobs[0]['metadata']['name']} still exists"
        pods = [pod for pod in self.pods if own.has_pod(pod)]
        return f"pods still run: {_names(pods)}" if pods else ""


def owned_by_stopping_runs(record: Record, *, others: Collection[str], context: StepContext) -> OwnedResources:
    """Find the Jobs of the runs that are being stopped, including runs that an earlier attempt deleted before a crash.

    Args:
        record: The record.
        others: Uids of the task's other runs. Their Jobs are not matched.
        context: The step.
    """
    unproven = [agent for agent in record.agents if agent.unproven]
    owned = OwnedResources(
        run_uids=frozenset(agent.uid for agent in unproven),
        names=frozenset(agent.job for agent in unproven if agent.job),
    )
    owned = owned.with_others(others)
    return owned.with_jobs(find_jobs(owned, kube=context.clients.kube, namespace=context.settings.namespaces.agents))


def verify_gone(
    record: Record,
    *,
    owned: OwnedResources,
    accepted: Mapping[str, float],
    context: StepContext,
    held: HeldLease,
) -> tuple[Record, tuple[AgentRun, ...]]:
    """Wait until each agent that is being stopped is gone, or its time is over.

    Args:
        record: The record with the agents that are being stopped.
        owned: Their Jobs, as known before the deletes.
        accepted: The time when the DELETE or stop request of each run was accepted, in monotonic seconds, by uid. A run
            that is missing was asked in an earlier attempt. Its grace period begins now.
        context: The step.
        held: The task's Lease, renewed while waiting.

    Returns:
        The record with the outcome of each agent (`STUCK` if its time is over), and all runs of the task as last seen.

    Raises:
        LockLostError: The Lease was lost.
    """
    settings, clock = context.settings.stop, context.clock
    stopping = [agent for agent in record.agents if agent.outcome is RunOutcome.STOPPING]
    # A run that is kept after all goes on with its work. A run whose DELETE was refused was never asked to stop.
    spared = [agent for agent in record.agents if agent.uid in owned.run_uids and agent not in stopping]
    spared_uids = {agent.uid for agent in spared}
    owned = owned.without(spared_uids, names={agent.job for agent in spared}).with_others(spared_uids)
    started, pauses = clock.monotonic(), poll_pauses(settings.poll_s)
    forced: set[str] = set()
    while True:
        held.renew_if_due()
        waited = {agent.uid: clock.monotonic() - accepted.get(agent.uid, started) for agent in stopping}
        due = {uid for uid, seconds in waited.items() if seconds >= settings.grace_s}
        observation = _observe(owned=owned, context=context, complete=bool(due))
        owned = observation.owned
        left = {agent.uid: observation.remains_of(agent) for agent in stopping} if observation.complete else None
        overdue = {uid for uid, seconds in waited.items() if seconds >= settings.grace_s + settings.verify_s}
        if left is not None and all(not text or uid in overdue for uid, text in left.items()):
            return _with_conclusions(record, left=left, observation=observation), observation.runs
        forcible = [
            pod
            for pod in _forcible(observation, due=[agent for agent in stopping if agent.uid in due])
            if pod["metadata"]["uid"] not in forced
        ]
        if forcible:
            context.log.warning("grace period is over, deleting pods", pods=_names(forcible))
            namespace = context.settings.namespaces.agents
            force_delete_pods(forcible, kube=context.clients.kube, namespace=namespace, held=held)
            forced |= {pod["metadata"]["uid"] for pod in forcible}
        clock.sleep(next(pauses))


def _observe(*, owned: OwnedResources, context: StepContext, complete: bool) -> Observation:
    """List the runs. Once they are gone or a grace period is over, list the Jobs and pods as well."""
    namespace = context.settings.namespaces.agents
    runs = task_runs(context)
    owned = owned.with_others({run.uid for run in runs})
    if not complete and any(run.uid in owned.run_uids and not run.ended for run in runs):
        return Observation(runs=runs, owned=owned, complete=False)
    found = find_jobs(owned, kube=context.clients.kube, namespace=namespace)
    owned = owned.with_jobs(found)
    jobs = tuple(job for job in found if owned.has_job(job))
    pods = tuple(find_active_pods(owned, kube=context.clients.kube, namespace=namespace))
    return Observation(runs=runs, owned=owned, complete=True, jobs=jobs, pods=pods)


def _forcible(observation: Observation, *, due: Collection[Agent]) -> list[Json]:
    """Return the pods of runs whose grace period is over, unless the kind has to end by itself."""
    spared = {run.uid for run in observation.runs if not run.kind.delete and not run.ended}
    asked = [agent for agent in due if agent.uid not in spared]
    own = observation.owned.only({agent.uid for agent in asked}, names={agent.job for agent in asked})
    return [pod for pod in observation.pods if own.has_pod(pod)]


def _names(pods: Collection[Json]) -> str:
    return ", ".join(pod["metadata"]["name"] for pod in pods)


def _with_conclusions(record: Record, *, left: Mapping[str, str], observation: Observation) -> Record:
    """Set the outcome of each agent that was being stopped."""
    ended = {run.uid for run in observation.runs if run.ended}
    outcomes: dict[str, tuple[RunOutcome, str]] = {}
    for agent in (agent for agent in record.agents if agent.uid in left):
        if left[agent.uid]:
            outcomes[agent.uid] = (RunOutcome.STUCK, left[agent.uid])
        elif agent.uid in ended:
            reason = STOPPED_ON_REQUEST if agent.reason.startswith("asked") else "ended by itself"
            outcomes[agent.uid] = (RunOutcome.FINISHED, reason)
        else:
            outcomes[agent.uid] = (RunOutcome.GONE, "object, Job and pods are gone")
    return _with_outcomes(record, outcomes)


def _with_outcomes(record: Record, outcomes: dict[str, tuple[RunOutcome, str]]) -> Record:
    def with_outcome(agent: Agent) -> Agent:
        outcome, reason = outcomes.get(agent.uid, (agent.outcome, agent.reason))
        return replace(agent, outcome=outcome, reason=reason)

    return record.with_agents(tuple(with_outcome(agent) for agent in record.agents))


def has_new_stale_run(record: Record, runs: tuple[AgentRun, ...]) -> bool:
    """Whether the runs include a stale run that the record does not know."""
    known = {agent.uid for agent in record.agents}
    return any(run.uid not in known and decide_by_record(record, run).stale for run in runs)

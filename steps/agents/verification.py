"""Proving that agents are gone.

Guarantees that an agent is called gone only when one look found neither its object (unless it ended by itself), nor a
Job it owns, nor a working pod of the two. Pods that outlast the grace period are deleted without grace, unless their
run's kind may not be deleted. What outlasts that too is reported as stuck, with what was left of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.agents.deletion import STOPPED_ON_REQUEST
from steps.agents.dependents import OwnedResources, find_active_pods, find_jobs, force_delete_pods, owner_uids
from steps.agents.runs import decide_by_record, task_runs
from steps.domain import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Collection

    from steps.agents.runs import AgentRun
    from steps.domain import Agent, Record
    from steps.kube import Json
    from steps.lease import HeldLease
    from steps.runtime import StepContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one look found."""

    runs: tuple[AgentRun, ...]
    owned: OwnedResources
    jobs: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()


def owned_by_stopping_runs(record: Record, *, others: Collection[str], context: StepContext) -> OwnedResources:
    """The runs that are being stopped and their Jobs; also of a run that vanished before a crash was resumed.

    Args:
        record: The ledger.
        others: Uids of the task's other runs, so that no Job of theirs is taken for one that is to end.
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
    record: Record, *, owned: OwnedResources, context: StepContext, held: HeldLease
) -> tuple[Record, tuple[AgentRun, ...]]:
    """Wait until the agents that are being stopped are gone, or time is up.

    Args:
        record: The ledger; agents that were told to stop are waited for.
        owned: Their Jobs, as known before they were deleted.
        context: The step.
        held: Kept while waiting.

    Returns:
        The record with every agent's outcome (`STUCK` if time was up), and all runs of the task as last seen.

    Raises:
        LockLostError: The hold was lost.
    """
    settings = context.settings.stop
    # What turned out to be kept while it was being deleted goes on with its work.
    kept = [agent for agent in record.agents if agent.outcome is RunOutcome.KEPT and agent.uid in owned.run_uids]
    owned = owned.without({agent.uid for agent in kept}, names={agent.job for agent in kept})
    started = context.clock.monotonic()
    forced = False
    while True:
        held.renew_if_due()
        elapsed = context.clock.monotonic() - started
        observation = _look(owned=owned, context=context, closely=elapsed >= settings.grace_s)
        owned = observation.owned
        left = _left(record, owned=owned, observation=observation)
        if not left and not observation.pods:
            return _settled(record, observation=observation), observation.runs
        forcible = _forcible(observation)
        if forcible and elapsed >= settings.grace_s and not forced:
            context.log.warning("grace period is over, deleting pods", pods=_names(forcible))
            force_delete_pods(
                forcible, kube=context.clients.kube, namespace=context.settings.namespaces.agents, held=held
            )
            forced = True
        if elapsed >= settings.grace_s + settings.verify_s:
            return _stuck(record, left=left, pods=observation.pods), observation.runs
        context.clock.sleep(settings.poll_s)


def _look(*, owned: OwnedResources, context: StepContext, closely: bool) -> Observation:
    """List the runs; and, once they are gone or time presses, the Jobs and the pods as well."""
    namespace = context.settings.namespaces.agents
    runs = task_runs(context)
    owned = owned.with_others({run.uid for run in runs})
    if not closely and any(run.uid in owned.run_uids and not run.ended for run in runs):
        return Observation(runs=runs, owned=owned)
    found = find_jobs(owned, kube=context.clients.kube, namespace=namespace)
    owned = owned.with_jobs(found)
    jobs = tuple(job for job in found if owned.has_job(job))
    pods = tuple(find_active_pods(owned, kube=context.clients.kube, namespace=namespace))
    return Observation(runs=runs, owned=owned, jobs=jobs, pods=pods)


def _forcible(observation: Observation) -> tuple[Json, ...]:
    """The pods that may be deleted: not those of a run whose kind has to end by itself, until it has."""
    spared = [run for run in observation.runs if not run.kind.delete and not run.ended]
    owned = observation.owned.without({run.uid for run in spared}, names={run.job for run in spared})
    return tuple(pod for pod in observation.pods if owned.has_pod(pod))


def _names(pods: Collection[Json]) -> str:
    return ", ".join(pod["metadata"]["name"] for pod in pods)


def _left(record: Record, *, owned: OwnedResources, observation: Observation) -> dict[str, str]:
    """What is left of each agent, by uid."""
    left = {
        run.uid: f"its object is still there in phase {run.facts.phase or 'none'}"
        for run in observation.runs
        if run.uid in owned.run_uids and not run.ended
    }
    ended = {run.uid for run in observation.runs if run.ended}
    for job in observation.jobs:
        for uid in owner_uids(job) & (owned.run_uids - ended):
            left.setdefault(uid, f"its Job {job['metadata']['name']} is still there")
    known = {agent.uid for agent in record.agents if agent.outcome is RunOutcome.STOPPING}
    return {uid: text for uid, text in left.items() if uid in known}


def _settled(record: Record, *, observation: Observation) -> Record:
    ended = {run.uid for run in observation.runs if run.ended}
    return _with_outcomes(
        record,
        {
            agent.uid: (
                RunOutcome.FINISHED,
                STOPPED_ON_REQUEST if agent.reason.startswith("asked") else "ended by itself",
            )
            if agent.uid in ended
            else (RunOutcome.GONE, "object, Job and pods are gone")
            for agent in record.agents
            if agent.outcome is RunOutcome.STOPPING
        },
    )


def _stuck(record: Record, *, left: dict[str, str], pods: tuple[Json, ...]) -> Record:
    reason = f"pods still work: {_names(pods)}" if pods else "another agent of the task is stuck"
    return _with_outcomes(
        record,
        {
            agent.uid: (RunOutcome.STUCK, left.get(agent.uid, reason))
            for agent in record.agents
            if agent.outcome is RunOutcome.STOPPING
        },
    )


def _with_outcomes(record: Record, outcomes: dict[str, tuple[RunOutcome, str]]) -> Record:
    def told(agent: Agent) -> Agent:
        outcome, reason = outcomes.get(agent.uid, (agent.outcome, agent.reason))
        return replace(agent, outcome=outcome, reason=reason)

    return record.with_agents(tuple(told(agent) for agent in record.agents))


def has_new_stale_run(record: Record, runs: tuple[AgentRun, ...]) -> bool:
    """Whether a run appeared meanwhile that is stale too."""
    known = {agent.uid for agent in record.agents}
    return any(run.uid not in known and decide_by_record(record, run).stale for run in runs)

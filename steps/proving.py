"""Proving that agents are gone.

Guarantees that an agent is called gone only when one look found neither its object (unless it ended by itself), nor a
Job it owns, nor a working pod of the two. Pods that outlast the grace period are deleted without grace, unless their
run's kind may not be deleted. What outlasts that too is reported as stuck, with what was left of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.children import Family, find_active_pods, find_jobs, force, owned
from steps.deleting import ASKED
from steps.record import Outcome
from steps.runs import judge_for, task_runs

if TYPE_CHECKING:
    from collections.abc import Collection

    from steps.context import Context
    from steps.hold import Hold
    from steps.kube import Json
    from steps.record import Agent, Record
    from steps.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found."""

    runs: tuple[Run, ...]
    family: Family
    jobs: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()


def family_of(record: Record, *, others: Collection[str], context: Context) -> Family:
    """The runs that are being stopped and their Jobs; also of a run that vanished before a crash was resumed.

    Args:
        record: The ledger.
        others: Uids of the task's other runs, so that no Job of theirs is taken for one that is to end.
        context: The step.
    """
    unproven = [agent for agent in record.agents if agent.unproven]
    family = Family(
        run_uids=frozenset(agent.uid for agent in unproven),
        names=frozenset(agent.job for agent in unproven if agent.job),
    )
    family = family.beside(others)
    return family.grown(find_jobs(family, kube=context.kube, namespace=context.settings.namespaces.agents))


def prove(record: Record, *, family: Family, context: Context, hold: Hold) -> tuple[Record, tuple[Run, ...]]:
    """Wait until the agents that are being stopped are gone, or time is up.

    Args:
        record: The ledger; agents that were told to stop are waited for.
        family: Their Jobs, as known before they were deleted.
        context: The step.
        hold: Kept while waiting.

    Returns:
        The record with every agent's outcome (`STUCK` if time was up), and all runs of the task as last seen.

    Raises:
        LockLostError: The hold was lost.
    """
    rules = context.settings.stop
    # What turned out to be kept while it was being deleted goes on with its work.
    kept = [agent for agent in record.agents if agent.outcome is Outcome.KEPT and agent.uid in family.run_uids]
    family = family.without({agent.uid for agent in kept}, names={agent.job for agent in kept})
    started = context.clock.monotonic()
    forced = False
    while True:
        hold.keep()
        elapsed = context.clock.monotonic() - started
        look = _look(family=family, context=context, closely=elapsed >= rules.grace_s)
        family = look.family
        left = _left(record, family=family, look=look)
        if not left and not look.pods:
            return _settled(record, look=look), look.runs
        forcible = _forcible(look)
        if forcible and elapsed >= rules.grace_s and not forced:
            context.log.warning("grace period is over, deleting pods", pods=_names(forcible))
            force(forcible, kube=context.kube, namespace=context.settings.namespaces.agents, hold=hold)
            forced = True
        if elapsed >= rules.grace_s + rules.verify_s:
            return _stuck(record, left=left, pods=look.pods), look.runs
        context.clock.sleep(rules.poll_s)


def _look(*, family: Family, context: Context, closely: bool) -> Look:
    """List the runs; and, once they are gone or time presses, the Jobs and the pods as well."""
    namespace = context.settings.namespaces.agents
    runs = task_runs(context)
    family = family.beside({run.uid for run in runs})
    if not closely and any(run.uid in family.run_uids and not run.ended for run in runs):
        return Look(runs=runs, family=family)
    found = find_jobs(family, kube=context.kube, namespace=namespace)
    family = family.grown(found)
    jobs = tuple(job for job in found if family.has_job(job))
    pods = tuple(find_active_pods(family, kube=context.kube, namespace=namespace))
    return Look(runs=runs, family=family, jobs=jobs, pods=pods)


def _forcible(look: Look) -> tuple[Json, ...]:
    """The pods that may be deleted: not those of a run whose kind has to end by itself, until it has."""
    spared = [run for run in look.runs if not run.kind.delete and not run.ended]
    family = look.family.without({run.uid for run in spared}, names={run.job for run in spared})
    return tuple(pod for pod in look.pods if family.has_pod(pod))


def _names(pods: Collection[Json]) -> str:
    return ", ".join(pod["metadata"]["name"] for pod in pods)


def _left(record: Record, *, family: Family, look: Look) -> dict[str, str]:
    """What is left of each agent, by uid."""
    left = {
        run.uid: f"its object is still there in phase {run.facts.phase or 'none'}"
        for run in look.runs
        if run.uid in family.run_uids and not run.ended
    }
    ended = {run.uid for run in look.runs if run.ended}
    for job in look.jobs:
        for uid in owned(job) & (family.run_uids - ended):
            left.setdefault(uid, f"its Job {job['metadata']['name']} is still there")
    known = {agent.uid for agent in record.agents if agent.outcome is Outcome.STOPPING}
    return {uid: text for uid, text in left.items() if uid in known}


def _settled(record: Record, *, look: Look) -> Record:
    ended = {run.uid for run in look.runs if run.ended}
    return _with_outcomes(
        record,
        {
            agent.uid: (Outcome.FINISHED, ASKED if agent.reason.startswith("asked") else "ended by itself")
            if agent.uid in ended
            else (Outcome.GONE, "object, Job and pods are gone")
            for agent in record.agents
            if agent.outcome is Outcome.STOPPING
        },
    )


def _stuck(record: Record, *, left: dict[str, str], pods: tuple[Json, ...]) -> Record:
    reason = f"pods still work: {_names(pods)}" if pods else "another agent of the task is stuck"
    return _with_outcomes(
        record,
        {
            agent.uid: (Outcome.STUCK, left.get(agent.uid, reason))
            for agent in record.agents
            if agent.outcome is Outcome.STOPPING
        },
    )


def _with_outcomes(record: Record, outcomes: dict[str, tuple[Outcome, str]]) -> Record:
    def told(agent: Agent) -> Agent:
        outcome, reason = outcomes.get(agent.uid, (agent.outcome, agent.reason))
        return replace(agent, outcome=outcome, reason=reason)

    return record.with_agents(tuple(told(agent) for agent in record.agents))


def newly_stale(record: Record, runs: tuple[Run, ...]) -> bool:
    """Whether a run appeared meanwhile that is stale too."""
    known = {agent.uid for agent in record.agents}
    return any(run.uid not in known and judge_for(record, run).stale for run in runs)

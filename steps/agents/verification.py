"""Verifies that agents are gone, each one separately.

Guarantees that a run is called gone only after its object, everything that it owns, and the pods were listed and none
was left. A Job that a run names while it ends counts as well. A run that has ended and is being removed is awaited
until its grace period is over. The grace period of a run begins when its DELETE or stop request is accepted; after it,
steps.agents.overdue ends what is left. A run that does not end in time is reported as stuck, with the remaining
objects. Not covered: what belongs to a run by none of the ways that steps.agents.owned_resources knows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.agents.decisions import decide_each
from steps.agents.graceful_stop import STOPPED_ON_REQUEST
from steps.agents.observation import MAX_REASON, observe
from steps.agents.overdue import OverdueObjects, RemainingObjects
from steps.core import (
    BadInputError,
    ConflictError,
    ForbiddenError,
    StillRunningError,
    TryAgainError,
    UnauthenticatedError,
    poll_pauses,
)
from steps.domain import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from steps.agents.agent_run import AgentRun
    from steps.agents.observation import Observation
    from steps.agents.owned_resources import OwnedResources
    from steps.core import StepError
    from steps.domain import Agent, Record
    from steps.lease import HeldLease
    from steps.runtime import StepContext


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
        owned: What they own, as known before the deletes.
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
    stopping = _stopping(record)
    # A run that is kept after all goes on with its work. A run whose DELETE was refused was never asked to stop.
    spared = [agent for agent in record.agents if agent.uid in owned.run_uids and agent not in stopping]
    spared_uids = {agent.uid for agent in spared}
    spared_names = {agent.job_key for agent in spared}
    owned = owned.without(spared_uids, names=spared_names).with_spared(spared_uids, names=spared_names)
    started, pauses = clock.monotonic(), poll_pauses(settings.poll_s)
    owned = owned.with_stop(_stopped_at(stopping, accepted=accepted, started=started, context=context))
    owned = _with_named_jobs(record, owned=owned, held=held)
    remaining = RemainingObjects(context=context, held=held)
    blocked: dict[str, str] = {}
    while True:
        held.renew_if_due()
        waited = {agent.uid: clock.monotonic() - accepted.get(agent.uid, started) for agent in stopping}
        due = {uid for uid, seconds in waited.items() if seconds >= settings.grace_s}
        observed = observe(record, owned=owned, context=context, complete=bool(due))
        if (named := _with_jobs(record, runs=observed.runs)) is not record:
            record, stopping = named, _stopping(named)
            owned = _with_named_jobs(record, owned=owned, held=held)
            continue
        observation = replace(observed, blocked=blocked, due=frozenset(due))
        owned = observation.owned
        left = {agent.uid: observation.remains_of(agent) for agent in stopping} if observation.complete else None
        overdue = {uid for uid, seconds in waited.items() if seconds >= settings.grace_s + settings.verify_s}
        if left is not None and all(not text or uid in overdue for uid, text in left.items()):
            return _with_conclusions(record, left=left, observation=observation), observation.runs
        if observation.complete:
            remaining.end_ownerless(observation, stopping=stopping)
        own = OverdueObjects.of(observation, due=due, stopping=stopping)
        remaining.end(own)
        blocked = own.blocked | remaining.refused
        clock.sleep(next(pauses))


def _stopping(record: Record) -> list[Agent]:
    return [agent for agent in record.agents if agent.outcome is RunOutcome.STOPPING]


def _with_jobs(record: Record, *, runs: Iterable[AgentRun]) -> Record:
    """Note the Jobs of runs that had named none when they were judged; the same record if there are none."""
    jobs = {run.uid: run.job for run in runs if run.job}
    new = {
        agent.uid: replace(agent, job=jobs[agent.uid])
        for agent in _stopping(record)
        if not agent.job and agent.uid in jobs
    }
    return record.with_agents(tuple(new.get(agent.uid, agent) for agent in record.agents)) if new else record


def _with_named_jobs(record: Record, *, owned: OwnedResources, held: HeldLease) -> OwnedResources:
    """Add the Jobs that runs have named since, and write them into the record, for an attempt that finds no run."""
    names = owned.names.union(agent.job_key for agent in _stopping(record) if agent.job)
    if names != owned.names:
        held.write(record)
    return replace(owned, names=names)


def _stopped_at(
    agents: Iterable[Agent], *, accepted: Mapping[str, float], started: float, context: StepContext
) -> dict[str, datetime]:
    """Return when each run was deleted or asked to stop, by the name of its Job, on the API server's clock."""
    seconds: dict[str, float] = {}
    for agent in agents:
        if agent.job:
            at = accepted.get(agent.uid, started)
            seconds[agent.job_key] = max(seconds.get(agent.job_key, at), at)
    clock = context.clients.kube.server_clock
    return {key: moment for key, at in seconds.items() if (moment := clock.at(at))}


def _with_conclusions(record: Record, *, left: Mapping[str, str], observation: Observation) -> Record:
    """Set the outcome of each agent that was being stopped."""
    ended = {run.uid: run for run in observation.runs if run.ended}
    outcomes: dict[str, tuple[RunOutcome, str]] = {}
    for agent in (agent for agent in record.agents if agent.uid in left):
        if left[agent.uid]:
            outcomes[agent.uid] = (RunOutcome.STUCK, left[agent.uid])
        elif agent.uid in ended:
            outcomes[agent.uid] = (RunOutcome.FINISHED, _why_ended(agent, run=ended[agent.uid]))
        else:
            outcomes[agent.uid] = (RunOutcome.GONE, "object, Job and pods are gone")
    return _with_outcomes(record, outcomes)


def _why_ended(agent: Agent, *, run: AgentRun) -> str:
    """Say why a run ended whose object is still there."""
    if agent.reason.startswith("asked"):
        return STOPPED_ON_REQUEST
    if not run.facts.deleting:
        return "ended by itself"
    return f"deleted, then ended; its object is not removed yet{run.finalizer_note}"[:MAX_REASON]


def _with_outcomes(record: Record, outcomes: dict[str, tuple[RunOutcome, str]]) -> Record:
    def with_outcome(agent: Agent) -> Agent:
        if agent.uid not in outcomes:
            return agent
        outcome, reason = outcomes[agent.uid]
        return replace(
            agent, outcome=outcome, reason=reason, owned=agent.owned if outcome is RunOutcome.STUCK else None
        )

    return record.with_agents(tuple(with_outcome(agent) for agent in record.agents))


def has_new_stale_run(record: Record, runs: tuple[AgentRun, ...]) -> bool:
    """Whether the runs include a stale run that the record does not know."""
    known = {agent.uid for agent in record.agents}
    decisions = decide_each(runs, record=record)
    return any(decision.stale for uid, decision in decisions.items() if uid not in known)


def unstopped_error(stuck: Sequence[Agent], *, refused: Mapping[str, StepError]) -> StepError:
    """Return the error of a stop that failed. A retry is worth it if one of the runs may still end.

    Args:
        stuck: The runs that are left.
        refused: Why a run could not be deleted or asked to stop, by uid.
    """
    text = "; ".join(f"{agent.name}: {agent.reason}" for agent in stuck)
    errors = [refused.get(agent.uid) for agent in stuck]
    if any(
        error is None or isinstance(error, (TryAgainError, ConflictError, UnauthenticatedError)) for error in errors
    ):
        return StillRunningError(text)
    return (ForbiddenError if any(isinstance(error, ForbiddenError) for error in errors) else BadInputError)(text)

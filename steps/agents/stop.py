"""Stops the stale agents of a task: records the intent, deletes, verifies, and lists once more.

Guarantees that the intent is in the record before the first delete, with what each run owns, and that the last list
found no further stale run after all known runs were gone. A stale run that owns a kept run is neither asked nor
deleted. If there are more runs than a record can hold, the next round stops the rest. Repeating it does no harm.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from steps.agents.decisions import decide_all
from steps.agents.deletion import delete_runs
from steps.agents.ownership import look_around, owned_by_stopping_runs, with_owned
from steps.agents.verification import has_new_stale_run, verify_gone
from steps.core import StillRunningError, run_parallel
from steps.domain import FINISHED_REASON, RunOutcome
from steps.kube import EventReason
from steps.runtime import emit_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from steps.agents.decisions import RunDecisions
    from steps.agents.runs import AgentRun
    from steps.domain import Agent, Record
    from steps.lease import HeldLease
    from steps.runtime import StepContext

_ROUNDS = 3


def record_intent(record: Record, judged: RunDecisions) -> Record:
    """Add the intent for each run to the record. Write the record before the first delete."""
    again = {agent.uid: replace(agent, outcome=RunOutcome.STOPPING) for agent in record.agents if agent.unproven}
    # The pod of a run may still work after the run was asked to stop and has ended.
    kept = [agent for agent in judged.kept if agent.reason != FINISHED_REASON or agent.uid not in again]
    return _merged(record, (*again.values(), *kept, *(run.as_stopping() for run in judged.stale)))


def _merged(record: Record, agents: Iterable[Agent]) -> Record:
    """Add agents to the record. An agent with a known uid is replaced; what it owns stays known."""
    known = {agent.uid: agent for agent in record.agents}
    for agent in agents:
        before = known.get(agent.uid)
        known[agent.uid] = replace(agent, owned=before.owned) if before and agent.unproven else agent
    return record.with_agents(tuple(known.values()))


def stop_runs(
    record: Record, *, judged: RunDecisions, context: StepContext, held: HeldLease, before: Callable[[], None]
) -> Record:
    """Stop the stale runs, and the runs that an earlier attempt began to stop.

    Args:
        record: The record. It must name the pull request if there is one.
        judged: The decisions about the runs.
        context: The step.
        held: The task's Lease.
        before: Called once after the intent is written and before the first delete, if there is a run to stop.

    Returns:
        The record with the outcome of each agent. None of them is unproven.

    Raises:
        StillRunningError: The time is over, or stale runs kept appearing. `held.record` has the outcomes so far.
        LockLostError: The Lease was lost.
    """
    announced = False
    for _ in range(_ROUNDS):
        stopping = {agent.kind for agent in record.agents if agent.unproven}
        plurals = stopping | {run.kind.plural for run in judged.stale}
        around = look_around(judged.runs, plurals=plurals, context=context)
        judged = decide_all(judged.runs, record=record, around=around)
        _warn_of_owners(judged.kept, context=context)
        record = record_intent(record, judged)
        if not any(agent.unproven for agent in record.agents):
            return record
        owned = owned_by_stopping_runs(record, judged=judged, around=around, kinds=context.settings.agents)
        record = with_owned(record, owned)
        held.write(record)
        if not announced:
            before()
            announced = True
        written = [run for run in judged.to_cancel if run.uid in owned.run_uids]
        agents, accepted = delete_runs(written, context=context, held=held, record=record, around=around)
        record = _merged(record, agents)
        _emit_stopping_events(written, record=record, context=context, held=held)
        record, runs = verify_gone(record, owned=owned, accepted=accepted, context=context, held=held)
        if stuck := [agent for agent in record.agents if agent.unproven]:
            held.write(record)
            raise StillRunningError("; ".join(f"{agent.name}: {agent.reason}" for agent in stuck))
        if not has_new_stale_run(record, runs):
            return record
        judged = decide_all(runs, record=record)
    held.write(record_intent(record, judged))
    raise StillRunningError(
        f"agents: new stale runs appeared in each of {_ROUNDS} rounds: find the controller that creates them again"
    )


def _warn_of_owners(kept: Iterable[Agent], *, context: StepContext) -> None:
    """Say which stale runs go on with their work, because their deletion would take a kept run along."""
    for agent in kept:
        if agent.kept_for:
            context.log.warning("stale run not stopped", run=agent.name, agent=agent.agent, reason=agent.reason)


def _emit_stopping_events(runs: Sequence[AgentRun], *, record: Record, context: StepContext, held: HeldLease) -> None:
    """Create an Event on each run that is being stopped, and one on the Lease.

    Called while the runs end, because Events must not delay the deletes.

    Raises:
        LockLostError: The Lease was lost.
    """
    stopping = {agent.uid for agent in record.agents if agent.outcome is RunOutcome.STOPPING}
    runs = [run for run in runs if run.uid in stopping]
    if not runs or not context.settings.kubernetes.events:
        return
    push = record.push
    reason = f"by push {push.sha[:12]} to {push.branch} by {push.requested_by}, workflow {context.workflow}"
    names = ", ".join(f"{run.facts.agent} {run.name}" for run in runs)
    namespace = context.settings.namespaces.agents
    events = [
        (held.reference, EventReason.CANCELLING, f"{len(runs)} stale, {reason}: {names}", f"{held.epoch} {names}")
    ]
    events += [(run.about(namespace=namespace), EventReason.CANCELLED, f"Cancelled {reason}", push.sha) for run in runs]
    run_parallel(
        [
            partial(emit_event, about, reason, message, once=once, context=context)
            for about, reason, message, once in events
        ],
        parallel=context.settings.stop.parallel,
        while_waiting=held.renew_if_due,
    )

"""Stopping the stale agents of a task: intent, delete, proof, and a last look.

Guarantees that what is about to happen stands in the record before it does, and that the last look, taken after
everything known was gone, found no further stale run. Of more runs than a record holds, the rest is stopped in the next
round. Doing it twice is harmless.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from steps.agents.deletion import delete_runs
from steps.agents.runs import decide_all
from steps.agents.verification import has_new_stale_run, owned_by_stopping_runs, verify_gone
from steps.core import StillRunningError, run_parallel
from steps.domain import FINISHED_REASON, RunOutcome
from steps.kube import EventReason
from steps.runtime import emit_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from steps.agents.runs import AgentRun, RunDecisions
    from steps.domain import Agent, Record
    from steps.lease import HeldLease
    from steps.runtime import StepContext

_ROUNDS = 3


def record_intent(record: Record, judged: RunDecisions) -> Record:
    """The record with what is about to happen to each run, to be written before it does."""
    again = {agent.uid: replace(agent, outcome=RunOutcome.STOPPING) for agent in record.agents if agent.unproven}
    # One that was told to stop, and has ended since, may have left a pod that works on.
    kept = [agent for agent in judged.kept if agent.reason != FINISHED_REASON or agent.uid not in again]
    return _merged(record, (*again.values(), *kept, *(run.as_stopping() for run in judged.stale)))


def _merged(record: Record, agents: Iterable[Agent]) -> Record:
    """The record with agents added, or replaced where the uid is known."""
    known = {agent.uid: agent for agent in record.agents}
    return record.with_agents(tuple((known | {agent.uid: agent for agent in agents}).values()))


def stop_runs(
    record: Record, *, judged: RunDecisions, context: StepContext, held: HeldLease, before: Callable[[], None]
) -> Record:
    """Stop the runs judged stale, and those that an earlier attempt had begun to stop.

    Args:
        record: The ledger; must name the pull request if there is one.
        judged: The runs.
        context: The step.
        held: The right to do so.
        before: Called once between the written intent and the first delete, if there is anything to stop.

    Returns:
        The record with every agent's outcome, none of them unproven.

    Raises:
        StillRunningError: Time was up, or stale runs kept appearing; the outcomes so far are in `held.record`.
        LockLostError: The hold was lost.
    """
    record = record_intent(record, judged)
    announced = False
    for _ in range(_ROUNDS):
        if not any(agent.unproven for agent in record.agents):
            return record
        held.write(record)
        if not announced:
            before()
            announced = True
        others = {run.uid for run in judged.stale} | {agent.uid for agent in judged.kept}
        owned = owned_by_stopping_runs(record, others=others, context=context)
        written = [run for run in judged.to_cancel if run.uid in owned.run_uids]
        agents, accepted = delete_runs(written, context=context, held=held, record=record)
        record = _merged(record, agents)
        _emit_stopping_events(written, record=record, context=context, held=held)
        record, runs = verify_gone(record, owned=owned, accepted=accepted, context=context, held=held)
        if stuck := [agent for agent in record.agents if agent.unproven]:
            held.write(record)
            raise StillRunningError("; ".join(f"{agent.name}: {agent.reason}" for agent in stuck))
        if not has_new_stale_run(record, runs):
            return record
        judged = decide_all(runs, record=record)
        record = record_intent(record, judged)
    held.write(record)
    raise StillRunningError(f"new stale runs kept appearing through {_ROUNDS} rounds: is something recreating them?")


def _emit_stopping_events(runs: Sequence[AgentRun], *, record: Record, context: StepContext, held: HeldLease) -> None:
    """Tell of the runs that were told to stop, as the record says: an Event on each, and one on the Lease.

    Called while they end, when there is nothing else to do. Never fails, but for the hold that is lost meanwhile.

    Raises:
        LockLostError: The hold was lost.
    """
    stopping = {agent.uid for agent in record.agents if agent.outcome is RunOutcome.STOPPING}
    runs = [run for run in runs if run.uid in stopping]
    if not runs or not context.settings.kubernetes.events:
        return
    push = record.push
    reason = f"by push {push.sha[:12]} to {push.branch} by {push.requested_by}, workflow {context.workflow}"
    names = ", ".join(f"{run.facts.agent} {run.name}" for run in runs)
    namespace = context.settings.namespaces.agents
    told = [(held.reference, EventReason.CANCELLING, f"{len(runs)} stale, {reason}: {names}", f"{held.epoch} {names}")]
    told += [(run.about(namespace=namespace), EventReason.CANCELLED, f"Cancelled {reason}", push.sha) for run in runs]
    run_parallel(
        [
            partial(emit_event, about, reason, message, once=once, context=context)
            for about, reason, message, once in told
        ],
        parallel=context.settings.stop.parallel,
        while_waiting=held.renew_if_due,
    )

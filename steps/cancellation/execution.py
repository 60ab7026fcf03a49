"""Executes the cancellation of one push, in two parts. The first sends the DELETEs; the second finishes it.

Guarantees that the task's Lease is held in between, that the agents are proven gone before the labels move, and that a
failure is recorded and releases the Lease. If a person's skip label is set, only the record is written. Not guaranteed:
that the Lease is renewed between the two parts. The caller does that, with `renew_if_due`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from steps.agents import StartedStop, decide_all, finish_stop, start_stop
from steps.cancellation.claim import claim_record
from steps.cancellation.coalescing import waiting_head_push
from steps.cancellation.planned_record import plan_record
from steps.cancellation.settlement import announce, complete_unstopped, settle
from steps.cancellation.state_update import StateChange, update_state_document
from steps.domain import LabelOutcome, RunOutcome
from steps.runtime import StepContext, recording_failure
from steps.telemetry import Measure

if TYPE_CHECKING:
    from steps.domain import Record
    from steps.lease import HeldLease


Claim = Callable[["Record | None"], "Record | None"]
Acquire = Callable[[Claim], "HeldLease | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedExecution:
    """A cancellation whose DELETEs are sent.

    Attributes:
        context: The step. Its log lines have the epoch.
        held: The task's Lease.
        record: The record after the decision.
        stop: The agents that are being stopped; None if the skip label is set, or if the ended branch
            lives again.
    """

    context: StepContext
    held: HeldLease
    record: Record
    stop: StartedStop | None


def start_execution(context: StepContext, *, acquire: Acquire | None = None) -> StartedExecution | None:
    """Take the task's Lease, decide, record the intent, and send the DELETEs.

    Args:
        context: The step.
        acquire: Acquires the task's Lease with the claimed record; None waits for it as the settings say.

    Returns:
        The started cancellation; None if the push is superseded.

    Raises:
        StepError: The step failed. If the Lease was taken, it is released, and the record has the error.
    """
    began = context.clock.monotonic()
    held = (acquire or context.lease().acquire)(partial(_checked_claim, context=context))
    lease_s = context.clock.monotonic() - began
    context.measurements.set(Measure.LEASE_S, lease_s)
    if held is None or held.record.attempts == 1:  # a later attempt would count the earlier ones as start time
        # By the API server's clock, which is known once it has answered.
        waited_s = (context.now() - context.created_at).total_seconds() - lease_s
        context.measurements.set(Measure.START_S, max(0.0, waited_s))
    if held is None:
        return None
    context = replace(context, log=context.log.bind(epoch=held.epoch))
    context.log.info("lease acquired", watermark=held.record.watermark.isoformat(), attempt=held.record.attempts)
    with recording_failure(held, context=context):
        record, stop = _start_stop(context, held=held)
    return StartedExecution(context=context, held=held, record=record, stop=stop)


def finish_execution(started: StartedExecution) -> Record:
    """Prove that the agents are gone, move the labels, and release the Lease with a finished record.

    If the Lease had an unfinished push of another branch, that one is finished first, and the step's own after it.

    Returns:
        The finished record.

    Raises:
        StepError: The step failed. The Lease is released, and the record has the error.
    """
    context, held = started.context, started.held
    with recording_failure(held, context=context):
        record = _finish(started)
    # After the release, a failure must not change the record: another holder may have the Lease.
    announce(record, context=context, held=held)
    if record.push.ref != context.push.ref and (own := start_execution(context)):
        return finish_execution(own)
    return record


def _finish(started: StartedExecution) -> Record:
    context, held = started.context, started.held
    if started.stop is None:
        return complete_unstopped(started.record, context=context, held=held)
    record = finish_stop(started.stop, context=context.while_held(held), held=held)
    record = replace(record, proven_gone_at=context.now())
    held.write(record)
    stopped = [agent.name for agent in record.agents if agent.outcome is not RunOutcome.KEPT]
    context.log.info("agents proven gone", count=len(stopped), agents=stopped)
    return settle(record, context=context, held=held)


def _checked_claim(stored: Record | None, *, context: StepContext) -> Record | None:
    """Return the record to take the Lease with; None if the push is superseded.

    Raises:
        BreakerOpenError: A dependency failed too often.
        RateLimitedError: A rate limit lasts longer than the step may wait.
    """
    record = claim_record(stored, context=context)
    if record is None and stored is not None and stored.labels is LabelOutcome.HEAD_MOVED:
        waiting = waiting_head_push(stored.left_to, ref=stored.push.ref, context=context)
        if waiting:
            record = claim_record(stored, context=replace(context, push=waiting.push))
    if record is not None:
        context.clients.breakers.agents.check(patience_s=context.settings.stop.grace_s)
        if context.settings.github.unreadable == "wait":
            context.clients.breakers.github.check(patience_s=context.settings.github.deadline_s)
    return record


def _start_stop(context: StepContext, *, held: HeldLease) -> tuple[Record, StartedStop | None]:
    """Decide, and send the DELETEs. Returns the record, and the started stop unless no agent is to be stopped."""
    context = context.while_held(held)
    planned = plan_record(held.record, stored=held.stored, context=context, while_waiting=held.renew_if_due)
    record = planned.record
    if not planned.stops_agents:
        return record, None
    judged = decide_all(planned.runs, record=record)
    for agent in judged.kept:
        context.log.info("run kept", run=agent.name, agent=agent.agent, reason=agent.reason)

    def flag() -> None:
        update_state_document(StateChange(in_progress=True), context=context, held=held)

    stop = start_stop(record, judged=judged, context=context, held=held, before=flag)
    return stop.record, stop

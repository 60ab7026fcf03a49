"""Second container, `main`: move the labels, clear the state flag, comment, finish the record, release, end waiters.

    python -m steps.settle

Works under the hold that steps.cancel left in the same pod. If that one ended early because there was nothing to do, so
does this.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.cancellation import StateChange, completed_report, decide_push, terminate_superseded, update_state_document
from steps.core import LockLostError
from steps.domain import Phase, RunOutcome, Superseded
from steps.kube import EventReason
from steps.pull_request import move_labels, update_comment
from steps.runtime import emit_event, emit_task_event, recording_failure, run_step
from steps.telemetry import CancellationResult, Measure

if TYPE_CHECKING:
    from steps.domain import Record
    from steps.runtime import StepContext


def settle(context: StepContext) -> None:
    """Finish a cancellation whose agents are proven gone.

    Raises:
        StepError: Its `exit` says what the workflow does next.
    """
    if context.push.dry_run:
        context.log.info("dry run: nothing to settle")
        return
    lease = context.lease()
    left = context.handoff.take(holder=str(context.holder)) if context.handoff else None
    snapshot = left or lease.read()
    if snapshot is None:
        raise LockLostError("the Lease is gone: it was deleted while it was held")
    held = lease.adopt(snapshot)
    if held is None:
        done = _checked_done(snapshot.record(), context=context)
        if ended := terminate_superseded(done, context=context):
            emit_event(
                snapshot.about, EventReason.ENDED_WAITERS, _answered(ended), once=context.workflow, context=context
            )
        return
    context = replace(context, log=context.log.bind(epoch=held.epoch))
    with recording_failure(held, context=context):
        if held.record.proven_gone_at is None:
            raise LockLostError("the agents were not proven gone under this hold: cancel has to run again")
        record = move_labels(held.record, context=context, held=held)
        update_state_document(StateChange(in_progress=False), context=context, held=held)
        finished_at = context.clock.now()
        record = replace(record, phase=Phase.COMPLETED, finished_at=finished_at)
        update_comment(record, context=context, held=held)
        held.release(record)
        context.measurements.tell(Measure.OUTCOME, CancellationResult.COMPLETED)
        context.measurements.report(completed_report(record))
        context.measurements.set(Measure.FINISHED_S, (finished_at - record.push.pushed_at).total_seconds())
        context.log.info("cancellation completed", labels=str(record.labels), agents=len(record.agents))
    # Last, to find those as well that came meanwhile, and within this pod, since Argo holds the mutex until it ends.
    ended = terminate_superseded(held.record, context=context)
    emit_task_event(EventReason.COMPLETED, _completed(held.record, ended=ended), context=context, held=held)


def _completed(record: Record, *, ended: list[str]) -> str:
    """The end of the story, for people."""
    gone = sum(agent.outcome in (RunOutcome.GONE, RunOutcome.FINISHED) for agent in record.agents)
    told = f"push {record.push.sha[:12]}: {gone} stale gone, labels: {record.labels}"
    return f"{told}; {_answered(ended)}" if ended else told


def _answered(ended: list[str]) -> str:
    return f"ended waiting workflows that it answered: {', '.join(ended)}"


def _checked_done(record: Record | None, *, context: StepContext) -> Record:
    """The record, if it shows that there is nothing left to do for this push."""
    own = record is not None and record.finished and record.workflow_uid == context.holder.workflow_uid
    if record is None or not (own or isinstance(decide_push(record, context=context), Superseded)):
        raise LockLostError("the Lease is no longer held by this pod: the cancellation has to run again")
    context.log.info("nothing to settle", labels=str(record.labels))
    return record


if __name__ == "__main__":
    sys.exit(run_step(settle))

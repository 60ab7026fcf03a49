"""Second container, `main`: moves the labels, clears the state flag, comments, and ends superseded Workflows.

    python -m steps.settle

Guarantees that labels move only after the agents are proven gone under the same held Lease, and that the Lease is then
released with a finished record. Continues with the Lease that steps.cancel acquired in the same pod. If steps.cancel
had nothing to do, this step ends at once.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.cancellation import StateChange, completed_report, decide_push, terminate_superseded, update_state_document
from steps.core import LockLostError
from steps.domain import LABEL_TEXT, Phase, RunOutcome, Superseded
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
        StepError: The step failed; `exit` is its exit code.
    """
    if context.push.dry_run:
        context.log.info("dry run: nothing to settle")
        return
    lease = context.lease()
    passed = context.handoff.take(holder=str(context.holder)) if context.handoff else None
    snapshot = passed or lease.read()
    if snapshot is None:
        raise LockLostError("the Lease was deleted while it was held: cancel must run again")
    held = lease.adopt(snapshot)
    if held is None:
        done = _done_record(snapshot.record(), context=context)
        if ended := terminate_superseded(done, context=context):
            emit_event(
                snapshot.about, EventReason.ENDED_WAITERS, _superseded(ended), once=context.workflow, context=context
            )
        return
    context = replace(context, log=context.log.bind(epoch=held.epoch))
    with recording_failure(held, context=context):
        if held.record.proven_gone_at is None:
            raise LockLostError("the agents are not proven gone in this epoch: cancel must run again")
        record = move_labels(held.record, context=context, held=held)
        update_state_document(StateChange(in_progress=False), context=context, held=held)
        finished_at = context.clock.now()
        record = replace(record, phase=Phase.COMPLETED, finished_at=finished_at)
        update_comment(record, context=context, held=held)
        held.release(record)
        context.measurements.set_label(Measure.OUTCOME, CancellationResult.COMPLETED)
        context.measurements.report(completed_report(record))
        context.measurements.set(Measure.FINISHED_S, (finished_at - record.push.pushed_at).total_seconds())
        context.log.info("cancellation completed", labels=str(record.labels), agents=len(record.agents))
    # Last, to include Workflows that arrived meanwhile. In this pod, because Argo holds the mutex until the pod ends.
    ended = terminate_superseded(held.record, context=context)
    emit_task_event(EventReason.COMPLETED, _completed(held.record, ended=ended), context=context, held=held)


def _completed(record: Record, *, ended: list[str]) -> str:
    """Describe the completed cancellation."""
    gone = sum(agent.outcome in (RunOutcome.GONE, RunOutcome.FINISHED) for agent in record.agents)
    text = f"push {record.push.sha[:12]}: stale runs gone: {gone}; {LABEL_TEXT[record.labels]}"
    return f"{text}; {_superseded(ended)}" if ended else text


def _superseded(ended: list[str]) -> str:
    return f"ended superseded workflows: {', '.join(ended)}"


def _done_record(record: Record | None, *, context: StepContext) -> Record:
    """Return the record if nothing is left to do for this push.

    Raises:
        LockLostError: The push is unfinished, and this pod does not hold the Lease.
    """
    own = record is not None and record.finished and record.workflow_uid == context.holder.workflow_uid
    if record is None or not (own or isinstance(decide_push(record, context=context), Superseded)):
        raise LockLostError("this pod no longer holds the Lease: cancel must run again")
    context.log.info("nothing to settle", labels=str(record.labels))
    return record


if __name__ == "__main__":
    sys.exit(run_step(settle))

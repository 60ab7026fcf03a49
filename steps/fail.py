"""Exit hook of a Workflow that failed: records the failure, clears the state flag, comments, and releases the Lease.

    python -m steps.fail

Guarantees that it changes nothing unless the record is this Workflow's own and unfinished, because a newer push may
have taken over. Not guaranteed: that it runs. Argo runs no hook for a terminated or deleted Workflow; then the next
push or reconcile resumes the unfinished record.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.cancellation import StateChange, update_state_document
from steps.domain import Phase
from steps.kube import EventReason
from steps.pull_request import update_comment
from steps.runtime import emit_task_event, run_step

if TYPE_CHECKING:
    from steps.domain import Record
    from steps.runtime import StepContext


def fail(context: StepContext) -> None:
    """Record the failure of this Workflow.

    Raises:
        StepError: The failure could not be recorded. The Lease expires by itself.
    """
    if context.push.dry_run:
        return

    def failed(record: Record | None) -> Record | None:
        if record is None or record.finished or record.workflow_uid != context.holder.workflow_uid:
            return None
        ended = replace(record, phase=Phase.FAILED, finished_at=context.now())
        return ended if record.errors else ended.with_error("the pod ended without a reason")

    lease = context.lease()
    snapshot = lease.read()
    if snapshot is None or failed(snapshot.record()) is None:
        context.log.info("nothing to record: the record is finished, or is of another workflow")
        return
    held = lease.acquire(failed)
    if held is None:
        return
    message = f"cancellation for {held.record.push.title} failed: {held.record.errors[-1]}"
    update_state_document(StateChange(in_progress=False, message=message), context=context, held=held)
    update_comment(held.record, context=context, held=held)
    held.release(held.record)
    emit_task_event(EventReason.FAILED, f"{message}. Reconcile will retry it", context=context, held=held)
    context.log.error(
        "cancellation failed", epoch=held.epoch, attempts=held.record.attempts, last=held.record.errors[-1]
    )


if __name__ == "__main__":
    sys.exit(run_step(fail))

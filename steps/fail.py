"""Exit hook of a workflow that did not succeed: leave a failed record, a free Lease, a cleared flag and a comment.

    python -m steps.fail

Touches nothing unless the record is this workflow's own and unfinished: by the time it runs, a newer push may have
taken over. Argo does not run it when a workflow is terminated or deleted; an unfinished record is then resumed by the
next push or by reconcile.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steps import commenting, state
from steps.entrypoint import run
from steps.events import Reason, tell
from steps.record import Phase

if TYPE_CHECKING:
    from steps.context import Context
    from steps.record import Record


def fail(context: Context) -> None:
    """Record the failure of this workflow.

    Raises:
        StepError: The failure could not be recorded; the Lease then expires by itself.
    """
    if context.push.dry_run:
        return

    def failed(record: Record | None) -> Record | None:
        if record is None or record.finished or record.workflow_uid != context.holder.workflow_uid:
            return None
        ended = replace(record, phase=Phase.FAILED, finished_at=context.clock.now())
        return ended if record.errors else ended.with_error("the pod ended before it could say why")

    lease = context.lease()
    snapshot = lease.read()
    if snapshot is None or failed(snapshot.record()) is None:
        context.log.info("nothing to record: the task's record is not this workflow's, or is finished")
        return
    hold = lease.acquire(failed)
    if hold is None:
        return
    message = f"cancellation for {hold.record.push.sha[:12]} failed: {hold.record.errors[-1]}"
    state.update(state.Change(in_progress=False, message=message), context=context, hold=hold)
    commenting.comment(hold.record, context=context, hold=hold)
    hold.release(hold.record)
    tell(Reason.FAILED, f"{message}. Reconcile takes it up again", context=context, hold=hold)
    context.log.error(
        "cancellation failed", epoch=hold.epoch, attempts=hold.record.attempts, last=hold.record.errors[-1]
    )


if __name__ == "__main__":
    sys.exit(run(fail))

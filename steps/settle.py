"""Second container, `main`: move the labels, clear the state flag, comment, finish the record, release, end waiters.

    python -m steps.settle

Works under the hold that steps.cancel left in the same pod. If that one ended early because there was nothing to do, so
does this.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steps import commenting, labels, state, waiting
from steps.claim import decision
from steps.decisions import Superseded
from steps.entrypoint import run
from steps.errors import LockLostError
from steps.failure import failing
from steps.record import Phase

if TYPE_CHECKING:
    from steps.context import Context
    from steps.record import Record


def settle(context: Context) -> None:
    """Finish a cancellation whose agents are proven gone.

    Raises:
        StepError: Its `exit` says what the workflow does next.
    """
    if context.push.dry_run:
        context.log.info("dry run: nothing to settle")
        return
    lease = context.lease()
    snapshot = lease.read()
    if snapshot is None:
        raise LockLostError("the Lease is gone: it was deleted while it was held")
    hold = lease.adopt(snapshot)
    if hold is None:
        waiting.end_superseded(_checked_done(snapshot.record(), context=context), context=context)
        return
    context = replace(context, log=context.log.bind(epoch=hold.epoch))
    with failing(hold, context=context):
        if hold.record.proven_gone_at is None:
            raise LockLostError("the agents were not proven gone under this hold: cancel has to run again")
        record = labels.move(hold.record, context=context, hold=hold)
        state.update(state.Change(in_progress=False), context=context, hold=hold)
        record = replace(record, phase=Phase.COMPLETED, finished_at=context.clock.now())
        commenting.comment(record, context=context, hold=hold)
        hold.release(record)
        context.log.info("cancellation completed", labels=str(record.labels), agents=len(record.agents))
    # Last, to find those as well that came meanwhile, and within this pod, since Argo holds the mutex until it ends.
    waiting.end_superseded(hold.record, context=context)


def _checked_done(record: Record | None, *, context: Context) -> Record:
    """The record, if it shows that there is nothing left to do for this push."""
    own = record is not None and record.finished and record.workflow_uid == context.holder.workflow_uid
    if record is None or not (own or isinstance(decision(record, context=context), Superseded)):
        raise LockLostError("the Lease is no longer held by this pod: the cancellation has to run again")
    context.log.info("nothing to settle", labels=str(record.labels))
    return record


if __name__ == "__main__":
    sys.exit(run(settle))

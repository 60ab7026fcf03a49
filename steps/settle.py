"""Second container, `main`: move the labels, clear the state flag, comment, finish the record, release, end waiters.

    python -m steps.settle

Works under the hold that steps.cancel left in the same pod. If that one ended early because there was nothing to do, so
does this.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steps import commenting, labels, report, state, waiting
from steps.claim import decision
from steps.decisions import Superseded
from steps.entrypoint import run
from steps.errors import LockLostError
from steps.events import Reason, tell, tell_of
from steps.failure import failing
from steps.measurements import Measure, Result
from steps.record import Outcome, Phase

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
    left = context.relay.take(holder=str(context.holder)) if context.relay else None
    snapshot = left or lease.read()
    if snapshot is None:
        raise LockLostError("the Lease is gone: it was deleted while it was held")
    hold = lease.adopt(snapshot)
    if hold is None:
        done = _checked_done(snapshot.record(), context=context)
        if ended := waiting.end_superseded(done, context=context):
            tell_of(snapshot.about, Reason.ENDED_WAITERS, _answered(ended), once=context.workflow, context=context)
        return
    context = replace(context, log=context.log.bind(epoch=hold.epoch))
    with failing(hold, context=context):
        if hold.record.proven_gone_at is None:
            raise LockLostError("the agents were not proven gone under this hold: cancel has to run again")
        record = labels.move(hold.record, context=context, hold=hold)
        state.update(state.Change(in_progress=False), context=context, hold=hold)
        finished_at = context.clock.now()
        record = replace(record, phase=Phase.COMPLETED, finished_at=finished_at)
        commenting.comment(record, context=context, hold=hold)
        hold.release(record)
        context.measurements.tell(Measure.OUTCOME, Result.COMPLETED)
        context.measurements.report(report.completed(record))
        context.measurements.set(Measure.FINISHED_S, (finished_at - record.push.pushed_at).total_seconds())
        context.log.info("cancellation completed", labels=str(record.labels), agents=len(record.agents))
    # Last, to find those as well that came meanwhile, and within this pod, since Argo holds the mutex until it ends.
    ended = waiting.end_superseded(hold.record, context=context)
    tell(Reason.COMPLETED, _completed(hold.record, ended=ended), context=context, hold=hold)


def _completed(record: Record, *, ended: list[str]) -> str:
    """The end of the story, for people."""
    gone = sum(agent.outcome in (Outcome.GONE, Outcome.FINISHED) for agent in record.agents)
    told = f"push {record.push.sha[:12]}: {gone} stale gone, labels: {record.labels}"
    return f"{told}; {_answered(ended)}" if ended else told


def _answered(ended: list[str]) -> str:
    return f"ended waiting workflows that it answered: {', '.join(ended)}"


def _checked_done(record: Record | None, *, context: Context) -> Record:
    """The record, if it shows that there is nothing left to do for this push."""
    own = record is not None and record.finished and record.workflow_uid == context.holder.workflow_uid
    if record is None or not (own or isinstance(decision(record, context=context), Superseded)):
        raise LockLostError("the Lease is no longer held by this pod: the cancellation has to run again")
    context.log.info("nothing to settle", labels=str(record.labels))
    return record


if __name__ == "__main__":
    sys.exit(run(settle))

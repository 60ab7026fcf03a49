"""First container: take the Lease, decide, write down the intent, stop the stale agents, prove that they are gone.

    python -m steps.cancel

Leaves the Lease held and the record in progress, with `proven_gone_at` set, for the second container (steps.settle) of
the same pod; or ends early, with nothing written at all (superseded, dry run) or only the record (a person's skip
label).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from steps import labels, report, state, stopping
from steps.claim import claim, decision
from steps.decisions import raised
from steps.entrypoint import run
from steps.failure import failing
from steps.measurements import Measure, Result
from steps.push import check_time
from steps.record import Labels, Outcome, Phase
from steps.runs import judge_all, task_runs
from steps.waiting import head_that_waits
from steps.workers import side_by_side

if TYPE_CHECKING:
    from steps.context import Context
    from steps.decisions import LabelPlan
    from steps.hold import Hold
    from steps.push import Push
    from steps.record import Record
    from steps.runs import Run

_ANSWERED = "this push, or a newer one, has been answered"


def cancel(context: Context) -> None:
    """Stop the agents that still work on the code from before the push.

    Raises:
        StepError: Its `exit` says what the workflow does next.
    """
    check_time(context.push, created_at=context.created_at, rules=context.settings.push)
    if context.push.dry_run:
        preview(context)
        context.measurements.tell(Measure.OUTCOME, Result.DRY_RUN)
        return
    started_s, began = (context.clock.now() - context.created_at).total_seconds(), context.clock.monotonic()
    hold = context.lease().acquire(partial(_promising, context=context))
    context.measurements.set(Measure.LEASE_S, context.clock.monotonic() - began)
    if hold is None or hold.record.attempts == 1:  # a later attempt would count the earlier ones as waiting
        context.measurements.set(Measure.START_S, started_s)
    if hold is None:
        context.measurements.tell(Measure.OUTCOME, Result.SUPERSEDED)
        context.measurements.report(report.nothing(_ANSWERED))
        return
    context = replace(context, log=context.log.bind(epoch=hold.epoch))
    context.log.info("lease acquired", watermark=hold.record.watermark.isoformat(), attempt=hold.record.attempts)
    with failing(hold, context=context):
        _cancel(context, hold=hold)


def _promising(stored: Record | None, *, context: Context) -> Record | None:
    """The record to take the Lease with, unless there is nothing to do, or what it takes is known not to work."""
    record = claim(stored, context=context)
    if record is None and stored is not None and stored.labels is Labels.HEAD_MOVED:
        waiter = head_that_waits(stored.left_to, ref=stored.push.ref, context=context)
        if waiter:
            record = claim(stored, context=replace(context, push=waiter.push, created_at=waiter.created_at))
    if record is not None:
        context.breakers.agents.check(patience_s=context.settings.stop.grace_s)
        if context.settings.github.unreadable == "wait":
            context.breakers.github.check(patience_s=context.settings.github.deadline_s)
    return record


def _cancel(context: Context, *, hold: Hold) -> None:
    (push, plan), runs = _look(context, hold=hold)
    record = replace(hold.record, push=push, pull_request=plan.pull_request, labels=plan.labels, left_to=plan.left_to)
    if record.labels is Labels.HEAD_MOVED:
        record, runs = _for_the_head(record, runs, context=context, hold=hold)
    if record.labels is Labels.SKIPPED:
        context.log.info("skip label is set: nothing is cancelled", label=context.settings.labels.skip)
        hold.release(replace(record, phase=Phase.COMPLETED, finished_at=context.clock.now()))
        context.measurements.tell(Measure.OUTCOME, Result.SKIPPED)
        context.measurements.report(report.completed(record))
        return
    judged = judge_all(runs, record=record)
    for agent in judged.kept:
        context.log.info("run kept", run=agent.name, agent=agent.agent, reason=agent.reason)
    flag = partial(state.update, state.Change(in_progress=True), context=context, hold=hold)
    record = stopping.stop(record, judged=judged, context=context, hold=hold, before=flag)
    gone_at = context.clock.now()
    hold.write(replace(record, proven_gone_at=gone_at))
    if context.relay:
        context.relay.leave(hold.body)
    context.measurements.set(Measure.GONE_S, (gone_at - record.push.pushed_at).total_seconds())
    context.measurements.set(Measure.STOPPED, sum(agent.outcome is Outcome.GONE for agent in record.agents))
    stopped = [agent.name for agent in record.agents if agent.outcome is not Outcome.KEPT]
    context.log.info("agents proven gone", count=len(stopped), agents=stopped)


def _for_the_head(
    record: Record, runs: tuple[Run, ...], *, context: Context, hold: Hold
) -> tuple[Record, tuple[Run, ...]]:
    """The record of the push that is the pull request's head, if its Workflow waits behind this one; and the runs."""
    waiter = head_that_waits(record.left_to, ref=record.push.ref, context=context)
    if waiter is None:
        return record, runs
    hold.keep()
    mark = raised(record, push=waiter.push, mark=waiter.mark)
    record = replace(record, push=waiter.push, watermark=mark, labels=Labels.PENDING, left_to="")
    return record, task_runs(context)


def _look(context: Context, *, hold: Hold) -> tuple[tuple[Push, LabelPlan], tuple[Run, ...]]:
    """The pull request and the task's runs, read side by side, both under the lock."""
    plans: list[tuple[Push, LabelPlan]] = []
    runs: list[Run] = []
    side_by_side(
        [
            lambda: plans.append(labels.read_plan(context=context, push=hold.record.push, keep=hold.keep)),
            lambda: runs.extend(task_runs(context)),
        ],
        parallel=context.settings.stop.parallel,
        meanwhile=hold.keep,
    )
    return plans[0], tuple(runs)


def preview(context: Context) -> None:
    """Dry run: say what would be done, write nothing anywhere."""
    snapshot = context.lease().read()
    stored = snapshot.record() if snapshot else None
    context.log.info("dry run: decision", decision=type(decision(stored, context=context)).__name__.lower())
    record = claim(stored, context=context)
    if record is None:
        context.measurements.report(report.nothing(_ANSWERED))
        return
    push, plan = labels.read_plan(context=context, push=record.push, keep=lambda: None)
    record = replace(record, pull_request=plan.pull_request)
    context.log.info("dry run: labels", plan=str(plan.labels))
    if plan.labels is Labels.SKIPPED:
        context.measurements.report(report.completed(replace(record, labels=plan.labels)))
        return
    judged = judge_all(task_runs(context), record=record)
    context.measurements.report(report.previewed(push, labels=plan.labels, judged=judged))
    for run_ in judged.stale:
        context.log.info("dry run: run would be cancelled", run=run_.name, agent=run_.facts.agent)
    for agent in judged.kept:
        context.log.info("dry run: run would be kept", run=agent.name, agent=agent.agent, reason=agent.reason)


if __name__ == "__main__":
    sys.exit(run(cancel))

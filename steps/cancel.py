"""First container: takes the Lease, decides, records the intent, stops the stale agents, verifies that they are gone.

    python -m steps.cancel

Guarantees that after success the Lease is still held, the record is in progress and its `proven_gone_at` is set. The
second container of the pod (steps.settle) continues from there. If the push is superseded or a dry run, nothing is
written. If a person's skip label is set, only the record is written.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from steps.agents import decide_all, decide_task, stop_runs, task_runs
from steps.cancellation import (
    StateChange,
    claim_record,
    completed_report,
    decide_push,
    measured_watermark,
    nothing_to_do_report,
    preview_report,
    update_state_document,
    waiting_head_push,
)
from steps.core import run_parallel
from steps.domain import LabelOutcome, Phase, RunOutcome, check_push_time, raised_watermark
from steps.pull_request import read_label_plan
from steps.runtime import recording_failure, run_step
from steps.telemetry import CancellationResult, Measure

if TYPE_CHECKING:
    from steps.agents import AgentRun
    from steps.domain import LabelPlan, Push, Record
    from steps.lease import HeldLease
    from steps.runtime import StepContext

_SUPERSEDED = "this push or a newer one is finished"


def cancel(context: StepContext) -> None:
    """Stop the agents that still work on the code from before the push.

    Args:
        context: The step.

    Raises:
        StepError: The step failed. Its `exit` decides whether the Workflow retries it.
    """
    check_push_time(context.push, created_at=context.created_at, settings=context.settings.push)
    if context.push.dry_run:
        preview(context)
        context.measurements.set_label(Measure.OUTCOME, CancellationResult.DRY_RUN)
        return
    started_s, began = (context.clock.now() - context.created_at).total_seconds(), context.clock.monotonic()
    held = context.lease().acquire(partial(_checked_claim, context=context))
    context.measurements.set(Measure.LEASE_S, context.clock.monotonic() - began)
    if held is None or held.record.attempts == 1:  # a later attempt would count the earlier ones as start time
        context.measurements.set(Measure.START_S, started_s)
    if held is None:
        context.measurements.set_label(Measure.OUTCOME, CancellationResult.SUPERSEDED)
        context.measurements.report(nothing_to_do_report(_SUPERSEDED))
        return
    context = replace(context, log=context.log.bind(epoch=held.epoch))
    context.log.info("lease acquired", watermark=held.record.watermark.isoformat(), attempt=held.record.attempts)
    with recording_failure(held, context=context):
        _cancel(context, held=held)


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
            record = claim_record(stored, context=replace(context, push=waiting.push, created_at=waiting.created_at))
    if record is not None:
        context.clients.breakers.agents.check(patience_s=context.settings.stop.grace_s)
        if context.settings.github.unreadable == "wait":
            context.clients.breakers.github.check(patience_s=context.settings.github.deadline_s)
    return record


def _cancel(context: StepContext, *, held: HeldLease) -> None:
    (push, plan), runs = _read_state(context, held=held)
    record = replace(held.record, push=push, pull_request=plan.pull_request, labels=plan.labels, left_to=plan.left_to)
    if record.labels is LabelOutcome.HEAD_MOVED:
        record, runs = _for_head_push(record, runs, context=context, held=held)
    record = replace(record, watermark=measured_watermark(record, context=context, offset_s=plan.clock_offset_s))
    if record.labels is LabelOutcome.SKIPPED:
        context.log.info("skip label is set, agents not stopped", label=context.settings.labels.skip)
        held.release(replace(record, phase=Phase.COMPLETED, finished_at=context.clock.now()))
        context.measurements.set_label(Measure.OUTCOME, CancellationResult.SKIPPED)
        context.measurements.report(completed_report(record))
        return
    judged = decide_all(runs, record=record)
    for agent in judged.kept:
        context.log.info("run kept", run=agent.name, agent=agent.agent, reason=agent.reason)
    flag = partial(update_state_document, StateChange(in_progress=True), context=context, held=held)
    record = stop_runs(record, judged=judged, context=context, held=held, before=flag)
    gone_at = context.clock.now()
    held.write(replace(record, proven_gone_at=gone_at))
    if context.handoff:
        context.handoff.leave(held.body)
    context.measurements.set(Measure.GONE_S, (gone_at - record.push.pushed_at).total_seconds())
    context.measurements.set(Measure.STOPPED, sum(agent.outcome is RunOutcome.GONE for agent in record.agents))
    stopped = [agent.name for agent in record.agents if agent.outcome is not RunOutcome.KEPT]
    context.log.info("agents proven gone", count=len(stopped), agents=stopped)


def _for_head_push(
    record: Record, runs: tuple[AgentRun, ...], *, context: StepContext, held: HeldLease
) -> tuple[Record, tuple[AgentRun, ...]]:
    """Return the record for the head's push if its Workflow waits behind this one, and the runs read after that."""
    waiting = waiting_head_push(record.left_to, ref=record.push.ref, context=context)
    if waiting is None:
        return record, runs
    held.renew_if_due()
    watermark = raised_watermark(record, push=waiting.push, watermark=waiting.watermark)
    record = replace(record, push=waiting.push, watermark=watermark, labels=LabelOutcome.PENDING, left_to="")
    return record, task_runs(context)


def _read_state(context: StepContext, *, held: HeldLease) -> tuple[tuple[Push, LabelPlan], tuple[AgentRun, ...]]:
    """Read the pull request and the task's runs in parallel, both under the Lease."""
    plans: list[tuple[Push, LabelPlan]] = []
    runs: list[AgentRun] = []
    run_parallel(
        [
            lambda: plans.append(
                read_label_plan(
                    context=context,
                    push=held.record.push,
                    older=held.record.older,
                    while_waiting=held.renew_if_due,
                )
            ),
            lambda: runs.extend(task_runs(context)),
        ],
        parallel=context.settings.stop.parallel,
        while_waiting=held.renew_if_due,
    )
    return plans[0], tuple(runs)


def preview(context: StepContext) -> None:
    """Dry run: log and report the planned actions, and write nothing."""
    snapshot = context.lease().read()
    stored = snapshot.record() if snapshot else None
    context.log.info("dry run: decision", decision=type(decide_push(stored, context=context)).__name__.lower())
    record = claim_record(stored, context=context)
    if record is None:
        context.measurements.report(nothing_to_do_report(_SUPERSEDED))
        return
    push, plan = read_label_plan(context=context, push=record.push, older=record.older, while_waiting=lambda: None)
    record = replace(record, pull_request=plan.pull_request)
    record = replace(record, watermark=measured_watermark(record, context=context, offset_s=plan.clock_offset_s))
    context.log.info("dry run: labels", plan=str(plan.labels))
    if plan.labels is LabelOutcome.SKIPPED:
        context.measurements.report(completed_report(replace(record, labels=plan.labels)))
        return
    judged = decide_task(record, context=context)
    context.measurements.report(preview_report(push, labels=plan.labels, judged=judged))
    for run_ in judged.stale:
        context.log.info("dry run: run would be cancelled", run=run_.name, agent=run_.facts.agent)
    for agent in judged.kept:
        context.log.info("dry run: run would be kept", run=agent.name, agent=agent.agent, reason=agent.reason)


if __name__ == "__main__":
    sys.exit(run_step(cancel))

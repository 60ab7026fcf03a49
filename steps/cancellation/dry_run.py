"""Dry run: what a push would do.

Guarantees that nothing is written: it takes no Lease, and sends only reads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.agents import decide_task
from steps.cancellation.claim import claim_record, decide_push, measured_watermark
from steps.cancellation.report import SUPERSEDED, completed_report, nothing_to_do_report, preview_report
from steps.domain import LabelOutcome
from steps.pull_request import read_label_plan
from steps.telemetry import CancellationResult, Measure

if TYPE_CHECKING:
    from steps.runtime import StepContext


def preview(context: StepContext) -> None:
    """Log and report the planned actions.

    Raises:
        StepError: GitHub or the API server could not be read.
    """
    context.measurements.set_label(Measure.OUTCOME, CancellationResult.DRY_RUN)
    snapshot = context.lease().read()
    stored = snapshot.record() if snapshot else None
    context.log.info("dry run: decision", decision=type(decide_push(stored, context=context)).__name__.lower())
    record = claim_record(stored, context=context)
    if record is None:
        context.measurements.report(nothing_to_do_report(SUPERSEDED))
        return
    push, plan = read_label_plan(record, context=context, while_waiting=lambda: None)
    record = replace(record, pull_request=plan.pull_request)
    record = replace(record, watermark=measured_watermark(record, context=context, offset_s=plan.clock_offset_s))
    context.log.info("dry run: labels", plan=str(plan.labels))
    if plan.labels is LabelOutcome.SKIPPED:
        context.measurements.report(completed_report(replace(record, labels=plan.labels)))
        return
    judged = decide_task(record, context=context)
    context.measurements.report(preview_report(push, labels=plan.labels, judged=judged))
    for run in judged.stale:
        context.log.info("dry run: run would be cancelled", run=run.name, agent=run.facts.agent)
    for agent in judged.kept:
        context.log.info("dry run: run would be kept", run=agent.name, agent=agent.agent, reason=agent.reason)

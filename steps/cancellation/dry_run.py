"""Dry run: what a push would do.

Guarantees that nothing is written: it takes no Lease, and sends only reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.agents import decide_runs
from steps.cancellation.claim import claim_record, decide_push
from steps.cancellation.planned_record import plan_record
from steps.cancellation.report import SUPERSEDED, completed_report, nothing_to_do_report, preview_report
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
    planned = plan_record(record, stored=stored, context=context, while_waiting=lambda: None)
    record = planned.record
    context.log.info("dry run: labels", plan=str(record.labels))
    if not planned.stops_agents:
        context.measurements.report(completed_report(record))
        return
    judged = decide_runs(planned.runs, record=record, settings=context.settings, kube=context.clients.kube)
    context.measurements.report(preview_report(record.push, labels=record.labels, judged=judged))
    for run in judged.stale:
        context.log.info("dry run: run would be cancelled", run=run.name, agent=run.facts.agent)
    for agent in judged.kept:
        context.log.info("dry run: run would be kept", run=agent.name, agent=agent.agent, reason=agent.reason)

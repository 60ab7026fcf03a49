"""The container of a push: cancels the stale agents, proves that they are gone, and moves the labels.

    python -m steps.cancel

Guarantees that after success the record is finished and the Lease is released. If the push is superseded or a dry run,
nothing is written, except that waiting Workflows which are superseded too are ended.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from steps.cancellation import (
    SUPERSEDED,
    end_superseded,
    finish_execution,
    nothing_to_do_report,
    preview,
    start_execution,
)
from steps.domain import check_push_time
from steps.runtime import run_step
from steps.telemetry import CancellationResult, Measure

if TYPE_CHECKING:
    from steps.runtime import StepContext


def cancel(context: StepContext) -> None:
    """Stop the agents that still work on the code from before the push, and move the pull request's labels.

    Args:
        context: The step.

    Raises:
        StepError: The step failed. Its `exit` decides whether the Workflow retries it.
    """
    check_push_time(context.push, created_at=context.created_at, settings=context.settings.push)
    if context.push.dry_run:
        preview(context)
        return
    started = start_execution(context)
    if started is None:
        _report_superseded(context)
    else:
        finish_execution(started)


def _report_superseded(context: StepContext) -> None:
    """Report that the push is finished already, and end the waiting Workflows that are superseded too."""
    context.measurements.set_label(Measure.OUTCOME, CancellationResult.SUPERSEDED)
    context.measurements.report(nothing_to_do_report(SUPERSEDED))
    snapshot = context.lease().read()
    if snapshot and (record := snapshot.record()):
        end_superseded(record, about=snapshot.about, context=context)


if __name__ == "__main__":
    sys.exit(run_step(cancel))

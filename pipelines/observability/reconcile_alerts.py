"""The alerts for what reconcile finds, and for what it cannot read.

Guarantees that a finding raises an alert only if two passes found it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.observability import metrics
from pipelines.observability.alert import Alert, in_words
from steps.reconciliation import FindingKind

if TYPE_CHECKING:
    from pipelines.settings import Settings


def reconcile_alerts(settings: Settings) -> tuple[Alert, ...]:
    """Build the alerts for findings of reconcile."""
    return (
        Alert(
            name="AgentCancellationNeedsAttention",
            expr=f"max({metrics.ATTENTION.full_name}) > 0",
            lasts="1m",
            severity="critical",
            summary="A task needs attention: its repairs failed",
            about="Reconcile does not try again for this task. Agents may work on old code, or labels may be wrong.",
        ),
        Alert(
            name="AgentCancellationNotStarted",
            expr=f'max({metrics.FINDINGS.full_name}{{kind="{FindingKind.NOT_STARTED}"}}) > 0',
            lasts=f"{_minutes_at_least(5, settings=settings)}m",
            severity="critical",
            summary="A Workflow does not start, and blocks its task",
            about="Agents of the task may work on old code. Reconcile cannot repair this: a repair would wait, too.",
        ),
        Alert(
            name="AgentCancellationInconsistent",
            expr=f'max by (kind) ({metrics.FINDINGS.full_name}{{kind!="{FindingKind.NOT_STARTED}"}}) > 0',
            lasts=f"{_minutes_at_least(20, settings=settings)}m",
            severity="warning",
            summary="Reconcile finds the same problem in each pass: {{ $labels.kind }}",
            about="Repairs failed or were not permitted: tasks have been inconsistent for "
            f"{in_words(_minutes_at_least(20, settings=settings))}.",
        ),
        Alert(
            name="AgentCancellationReconcileIncomplete",
            expr=f"max({metrics.UNREAD.full_name}) > 0",
            lasts=f"{_minutes_at_least(15, settings=settings)}m",
            severity="warning",
            summary="Reconcile cannot read one of its sources",
            about="It skips objects that it cannot read: lost pushes or stale runs may be missed.",
        ),
        Alert(
            name="AgentCancellationBreakerOpen",
            expr=f"max by (dependency) ({metrics.BREAKER.full_name}) > 0",
            lasts=f"{_minutes_at_least(5, settings=settings)}m",
            severity="warning",
            summary="The circuit breaker of {{ $labels.dependency }} has been open for "
            f"{in_words(_minutes_at_least(5, settings=settings))}",
            about="The dependency fails, so cancellations are delayed. They continue when it answers again.",
        ),
    )


def _minutes_at_least(minutes: int, *, settings: Settings) -> int:
    """Return how many minutes a finding of reconcile must last: so long that two passes found it."""
    return max(minutes, 2 * settings.reconcile.every_s // 60 + 1)

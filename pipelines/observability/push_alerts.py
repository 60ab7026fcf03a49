"""The alerts for cancellations of pushes: those that fail, and those that take long.

Guarantees that a single failure raises no alert. Not guaranteed: the same for a single slow push, which may be all that
half an hour had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.observability import metrics
from pipelines.observability.alert import WINDOW, Alert

if TYPE_CHECKING:
    from pipelines.observability.metric import Metric
    from pipelines.settings import Settings


def push_alerts(settings: Settings) -> tuple[Alert, ...]:
    """Build the alerts for cancellations of pushes."""
    rules = settings.observability
    return (
        Alert(
            name="AgentCancellationFailing",
            # Above 1.5 means at least two: increase() extrapolates one failure to slightly more than 1.
            expr=f"{_ended('failed')} > 1.5 and "
            f"{_ended('failed')} / {_ended('completed|failed')} > {rules.failing_percent / 100:g}",
            lasts="0m",
            severity="warning",
            summary=f"More than {rules.failing_percent} % of cancellations fail",
            about="Each used all its retries. Agents may work on old code until reconcile finishes the task.",
        ),
        Alert(
            name="AgentCancellationSlow",
            expr=f"{_p90(metrics.DURATION, until='gone')} > {rules.slow_s:g}",
            lasts="5m",
            severity="warning",
            summary=f"One push in ten takes more than {rules.slow_s:g} s until its stale agents are gone",
            about="Stale agents work on old code for too long.",
        ),
        Alert(
            name="AgentCancellationContended",
            expr=f"{_p90(metrics.WAIT, 'before')} > {rules.contended_s:g}",
            lasts="5m",
            severity="warning",
            summary=f"One cancellation in ten waits more than {rules.contended_s:g} s for its {{{{ $labels.before }}}}",
            about="Too many cancellations at once for the limit, for Argo's controller, or for the Lease of one task.",
        ),
    )


def _p90(metric: Metric, *by: str, **labels: str) -> str:
    """Build the expression of the 90th percentile."""
    chosen = ",".join(f'{name}="{value}"' for name, value in labels.items())
    buckets = f"{metric.full_name}_bucket" + (f"{{{chosen}}}" if chosen else "")
    return f"histogram_quantile(0.9, sum by ({', '.join(['le', *by])}) (rate({buckets}[{WINDOW}])))"


def _ended(outcomes: str) -> str:
    return f'sum(increase({metrics.CANCELLATIONS.full_name}{{outcome=~"{outcomes}"}}[{WINDOW}]))'

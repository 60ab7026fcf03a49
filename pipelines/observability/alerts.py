"""The alerts: the condition, how long it must last, and the link to the runbook.

Each alert is an expression on the metrics of `pipelines.observability.metrics` or of Argo Events. Guarantees that each
alert links to its own section of docs/operations.md, and that an alert sees a counter's first event, which increase()
misses. Does not guarantee delivery: Alertmanager routes the alerts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pipelines.observability import metrics
from steps.reconciliation import FindingKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.observability.metric import Metric
    from pipelines.settings import Settings

_WINDOW = "30m"
# How long the Sensor may create no Workflow before events or lost pushes count as unheard.
_LOST_WINDOW, _UNHEARD_WINDOW = "1h", "6h"
_WORDS = {5: "five", 20: "twenty"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert.

    Attributes:
        expr: PromQL expression; has a result while the alert is active.
        lasts: How long it must be active before it fires.
        summary: One line; may quote labels of the result.
        about: Effect on the platform's users.
        labels: Further labels.
    """

    name: str
    expr: str
    lasts: str
    severity: Literal["warning", "critical"]
    summary: str
    about: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self, *, runbook: str) -> dict[str, Any]:
        """Build the rule for Prometheus.

        Args:
            runbook: Address of docs/operations.md; empty: no link.
        """
        link = {"runbook_url": f"{runbook}#{self.name.lower()}"} if runbook else {}
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "description": self.about} | link,
        }


def _p90(metric: Metric, *by: str, **labels: str) -> str:
    """Build the expression of the 90th percentile."""
    chosen = ",".join(f'{name}="{value}"' for name, value in labels.items())
    buckets = f"{metric.full_name}_bucket" + (f"{{{chosen}}}" if chosen else "")
    return f"histogram_quantile(0.9, sum by ({', '.join(['le', *by])}) (rate({buckets}[{_WINDOW}])))"


def _ended(outcomes: str) -> str:
    return f'sum(increase({metrics.CANCELLATIONS.full_name}{{outcome=~"{outcomes}"}}[{_WINDOW}]))'


def alerts(settings: Settings) -> tuple[Alert, ...]:
    """Build every alert, the most severe first."""
    return (
        *_absence_alerts(settings),
        *_delivery_alerts(settings),
        *(_reconcile_alerts(settings) if settings.reconcile.every_s else ()),
        *_push_alerts(settings),
    )


def _minutes_at_least(minutes: int, *, settings: Settings) -> int:
    """Return how many minutes a finding of reconcile must last: so long that two passes found it."""
    return max(minutes, 2 * settings.reconcile.every_s // 60 + 1)


def _in_words(minutes: int) -> str:
    return f"{_WORDS.get(minutes, minutes)} minutes"


def _found_later(what: str, *, settings: Settings) -> str:
    """Say when a lost push is found."""
    if not settings.reconcile.every_s:
        return f"Nothing finds {what} later, because reconcile is off."
    return f"Reconcile finds {what} minutes late, if it may ask GitHub."


def _absence_alerts(settings: Settings) -> tuple[Alert, ...]:
    """Build the alerts for parts that do not run."""
    space, passed, every_s = settings.namespaces.events, metrics.PASSED_AT.full_name, settings.reconcile.every_s
    late_s = 300 if every_s <= 60 else every_s + 300  # noqa: PLR2004 - a pod starts each minute
    absent = Alert(
        name="AgentCancellationReconcileAbsent",
        expr=f"(time() - max({passed})) > {late_s} or absent({passed})",
        lasts="5m",
        severity="critical",
        summary=f"Reconcile has not finished a pass for more than {_in_words(late_s // 60)}",
        about="Reconcile finds and repairs nothing; or Prometheus does not scrape Argo's controller.",
    )
    return (
        *((absent,) if every_s else ()),
        *(
            Alert(
                name="AgentCancellationDeaf",
                expr=f'absent(up{{job="{space}/{name}"}} == 1)',
                lasts="10m",
                severity="critical",
                summary=f"No pod of the {part} is up",
                about=f"Pushes do not stop stale agents. {_found_later('them', settings=settings)}",
                labels={"part": part},
            )
            for part, name in (("Sensor", settings.events.sensor), ("EventSource", settings.events.event_source))
        ),
    )


def _delivery_alerts(settings: Settings) -> tuple[Alert, ...]:
    """Build the alerts for parts that run, but pass no push on."""
    source, event = settings.events.event_source, settings.events.event_name
    sensor = settings.events.sensor
    dropped = f'sum(argo_events_action_retries_failed_total{{sensor_name="{sensor}"}}'
    triggered = f'sum(increase(argo_events_action_triggered_total{{sensor_name="{sensor}"}}'
    labels = f'{{eventsource_name="{source}",event_name="{event}"}}'
    sent = f"argo_events_events_sent_total{labels}"
    unsent = f"sum(increase(argo_events_events_sent_failed_total{labels}[{_WINDOW}]))"
    # Counts the events that the bus refused, too.
    refused = f"sum(increase(argo_events_events_processing_failed_total{labels}[{_WINDOW}])) - {unsent}"
    lost = f"sum(increase({metrics.LOST_PUSHES.full_name}[{_LOST_WINDOW}]))"
    return (
        Alert(
            name="AgentCancellationPushDropped",
            # Not increase(): the counter starts at 1 with the first failure, which increase() does not see.
            expr=f"{dropped}) - ({dropped} offset {_WINDOW}) or vector(0)) > 0",
            lasts="0m",
            severity="warning",
            summary="The Sensor could not create a Workflow after all retries",
            about=f"A push went to the dead letter or was lost. {_found_later('it', settings=settings)}",
        ),
        *(
            Alert(
                name="AgentCancellationWebhookRefused",
                expr=f"{expr} > 0.5",
                lasts="0m",
                severity="warning",
                summary=f"The {part} refused a webhook, and GitHub does not repeat it",
                about=f"{why}. {_found_later('a lost push', settings=settings)}",
                labels={"part": part},
            )
            for part, expr, why in (
                ("EventSource", refused, "It was too large, malformed, or not signed with the webhook's secret"),
                ("EventBus", unsent, "The message was too large for the bus, or the bus was away"),
            )
        ),
        Alert(
            name="AgentCancellationPushesLost",
            # One push may be lost by GitHub. Above 2.5 means at least three, as increase() extrapolates.
            expr=f"({lost} > 0.5 unless {triggered}[{_LOST_WINDOW}])) > 0) or {lost} > 2.5",
            lasts="0m",
            severity="warning",
            summary="Reconcile found pushes for which the Sensor created no Workflow",
            about="Webhooks are lost, or the Sensor hears nothing. Stale agents are stopped minutes late.",
        ),
        Alert(
            name="AgentCancellationUnheard",
            expr=f"sum(increase({sent}[{_UNHEARD_WINDOW}])) > {settings.observability.unheard_events} "
            f"unless {triggered}[{_UNHEARD_WINDOW}])) > 0",
            lasts="5m",
            severity="warning",
            summary="The EventSource sends events, but the Sensor creates no Workflow",
            about="The Sensor hears nothing, or its filters match no push. Pushes do not stop stale agents.",
        ),
    )


def _reconcile_alerts(settings: Settings) -> tuple[Alert, ...]:
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
            summary="Reconcile keeps finding: {{ $labels.kind }}",
            about="Repairs failed or were not permitted: tasks have been inconsistent for "
            f"{_in_words(_minutes_at_least(20, settings=settings))}.",
        ),
        Alert(
            name="AgentCancellationReconcileBlind",
            expr=f"max({metrics.UNREAD.full_name}) > 0",
            lasts=f"{_minutes_at_least(15, settings=settings)}m",
            severity="warning",
            summary="Reconcile cannot read everything",
            about="It skips objects that it cannot read: lost pushes or stale runs may be missed.",
        ),
        Alert(
            name="AgentCancellationBreakerOpen",
            expr=f"max by (dependency) ({metrics.BREAKER.full_name}) > 0",
            lasts=f"{_minutes_at_least(5, settings=settings)}m",
            severity="warning",
            summary="The circuit breaker of {{ $labels.dependency }} has been open for "
            f"{_in_words(_minutes_at_least(5, settings=settings))}",
            about="The dependency fails, so cancellations are delayed. They continue when it answers again.",
        ),
    )


def _push_alerts(settings: Settings) -> tuple[Alert, ...]:
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

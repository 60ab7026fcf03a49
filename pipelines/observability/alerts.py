"""All alerts, and those of them for parts that do not run or that pass no push on.

Each alert is an expression on the metrics of `pipelines.observability.metrics` or of Argo Events: its condition, how
long that must last, and the link to the runbook. Guarantees that an alert sees a counter's first event, which
increase() misses. Does not guarantee delivery: Alertmanager routes the alerts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.observability import metrics
from pipelines.observability.alert import WINDOW, Alert, in_words
from pipelines.observability.push_alerts import push_alerts
from pipelines.observability.reconcile_alerts import reconcile_alerts

if TYPE_CHECKING:
    from pipelines.settings import Settings

# How long the Sensor may create no Workflow before events or lost pushes count as untriggered.
_LOST_WINDOW, _UNTRIGGERED_WINDOW = "1h", "6h"


def alerts(settings: Settings) -> tuple[Alert, ...]:
    """Build every alert, the most severe first."""
    return (
        *_absence_alerts(settings),
        *_delivery_alerts(settings),
        *(reconcile_alerts(settings) if settings.reconcile.every_s else ()),
        *push_alerts(settings),
    )


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
        summary=f"Reconcile has not finished a pass for more than {in_words(late_s // 60)}",
        about="Reconcile finds and repairs nothing; or Prometheus does not scrape Argo's controller.",
    )
    return (
        *((absent,) if every_s else ()),
        *(
            Alert(
                name="AgentCancellationEventsDown",
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
    unsent = f"sum(increase(argo_events_events_sent_failed_total{labels}[{WINDOW}]))"
    # Counts the events that the bus refused, too.
    refused = f"sum(increase(argo_events_events_processing_failed_total{labels}[{WINDOW}])) - {unsent}"
    lost = f"sum(increase({metrics.LOST_PUSHES.full_name}[{_LOST_WINDOW}]))"
    return (
        Alert(
            name="AgentCancellationPushDropped",
            # Not increase(): the counter starts at 1 with the first failure, which increase() does not see.
            expr=f"{dropped}) - ({dropped} offset {WINDOW}) or vector(0)) > 0",
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
            name="AgentCancellationEventsUntriggered",
            expr=f"sum(increase({sent}[{_UNTRIGGERED_WINDOW}])) > {settings.observability.untriggered_events} "
            f"unless {triggered}[{_UNTRIGGERED_WINDOW}])) > 0",
            lasts="5m",
            severity="warning",
            summary="The EventSource sends events, but the Sensor creates no Workflow",
            about="The Sensor hears nothing, or its filters match no push. Pushes do not stop stale agents.",
        ),
    )

"""The alerts: what is wrong, when it is called so, and where to read on.

Each is an expression on the metrics of pipelines.observability.metrics, or on those of Argo Events. Guarantees that
each has a section of its own in docs/operations.md, to which it links, and that a single event which Prometheus sees
only from its first value on is not missed. Not guaranteed: that anybody hears of it; where alerts go is
Alertmanager's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pipelines.names import SENSOR
from pipelines.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.observability.metric import Metric
    from pipelines.settings import Settings

_WINDOW = "30m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert.

    Attributes:
        expr: True where something is wrong.
        lasts: For how long, before it fires.
        summary: One line; may quote the labels of what `expr` finds.
        about: What it means for the platform's users.
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
        """The same as Prometheus reads it.

        Args:
            runbook: Address of docs/operations.md.
        """
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.about,
                "runbook_url": f"{runbook}#{self.name.lower()}",
            },
        }


def _p90(metric: Metric, *by: str, **labels: str) -> str:
    """The nine in ten that are below."""
    chosen = ",".join(f'{name}="{value}"' for name, value in labels.items())
    buckets = f"{metric.full_name}_bucket" + (f"{{{chosen}}}" if chosen else "")
    return f"histogram_quantile(0.9, sum by ({', '.join(['le', *by])}) (rate({buckets}[{_WINDOW}])))"


def _ended(outcomes: str) -> str:
    return f'sum(increase({metrics.CANCELLATIONS.full_name}{{outcome=~"{outcomes}"}}[{_WINDOW}]))'


def alerts(settings: Settings) -> tuple[Alert, ...]:
    """Every alert, the gravest first."""
    return (*_blind(settings), *_of_reconcile(), *_of_pushes(settings))


def _blind(settings: Settings) -> tuple[Alert, ...]:
    """Nobody looks, or nobody listens."""
    space, passed = settings.namespaces.events, metrics.PASSED_AT.full_name
    dropped = f'sum(argo_events_action_retries_failed_total{{sensor_name="{SENSOR}"}}'
    return (
        Alert(
            name="AgentCancellationReconcileAbsent",
            expr=f"(time() - max({passed})) > 300 or absent({passed})",
            lasts="5m",
            severity="critical",
            summary="Reconcile has not finished a pass for more than five minutes",
            about="What goes wrong is neither found nor mended; or Argo's controller is not scraped, and nothing is.",
        ),
        *(
            Alert(
                name="AgentCancellationDeaf",
                expr=f'absent(up{{job="{space}/{name}"}} == 1)',
                lasts="10m",
                severity="critical",
                summary=f"No pod of the {part} is up",
                about="Pushes do not stop stale agents. Reconcile finds them minutes late, if it may ask GitHub.",
                labels={"part": part},
            )
            for part, name in (("Sensor", SENSOR), ("EventSource", settings.events.event_source))
        ),
        Alert(
            name="AgentCancellationPushDropped",
            # Not increase(): the counter begins with the first failure, so there is nothing to increase from.
            expr=f"{dropped}) - ({dropped} offset {_WINDOW}) or vector(0)) > 0",
            lasts="0m",
            severity="warning",
            summary="The Sensor could not create a Workflow, for all its retries",
            about="A push went to the dead letter, or was lost. Reconcile finds it minutes late, if it may ask GitHub.",
        ),
    )


def _of_reconcile() -> tuple[Alert, ...]:
    """What reconcile found."""
    return (
        Alert(
            name="AgentCancellationNeedsAttention",
            expr=f"max({metrics.ATTENTION.full_name}) > 0",
            lasts="1m",
            severity="critical",
            summary="A task waits for a person: it could not be mended",
            about="Nothing more is tried for this task. Agents of old code may be at work, or labels be wrong.",
        ),
        Alert(
            name="AgentCancellationInconsistent",
            expr=f"max by (kind) ({metrics.FINDINGS.full_name}) > 0",
            lasts="20m",
            severity="warning",
            summary="Reconcile keeps finding: {{ $labels.kind }}",
            about="Repairs do not help, or are not allowed to: what should be and what is differ for twenty minutes.",
        ),
        Alert(
            name="AgentCancellationReconcileBlind",
            expr=f"max({metrics.UNREAD.full_name}) > 0",
            lasts="15m",
            severity="warning",
            summary="Reconcile cannot read everything",
            about="It judges without what it could not read: lost pushes or stale runs may go unseen.",
        ),
        Alert(
            name="AgentCancellationBreakerOpen",
            expr=f"max by (dependency) ({metrics.BREAKER.full_name}) > 0",
            lasts="5m",
            severity="warning",
            summary="The breaker of {{ $labels.dependency }} has been open for five minutes",
            about="The dependency fails, so cancellations are put off. They are made good once it is back.",
        ),
    )


def _of_pushes(settings: Settings) -> tuple[Alert, ...]:
    """What became of pushes."""
    rules = settings.observability
    return (
        Alert(
            name="AgentCancellationFailing",
            # Above one and a half is at least two: increase() extrapolates one to a little more.
            expr=f"{_ended('failed')} > 1.5 and "
            f"{_ended('failed')} / {_ended('completed|failed')} > {rules.failing_percent / 100:g}",
            lasts="0m",
            severity="warning",
            summary=f"More than {rules.failing_percent} % of cancellations fail",
            about="Each has used up its retries. Agents of old code may be at work until reconcile finishes the task.",
        ),
        Alert(
            name="AgentCancellationSlow",
            expr=f"{_p90(metrics.DURATION, until='gone')} > {rules.slow_s:g}",
            lasts="5m",
            severity="warning",
            summary=f"One push in ten takes more than {rules.slow_s:g} s until its stale agents are gone",
            about="Agents work on old code for longer than they should.",
        ),
        Alert(
            name="AgentCancellationContended",
            expr=f"{_p90(metrics.WAIT, 'before')} > {rules.contended_s:g}",
            lasts="5m",
            severity="warning",
            summary=f"One cancellation in ten waits more than {rules.contended_s:g} s for its {{{{ $labels.before }}}}",
            about="Too many at once for the limit, for Argo's controller or for one task's lock.",
        ),
    )

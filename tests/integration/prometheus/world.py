"""Two hours of what Prometheus sees, a sample a minute: a healthy world, and one with a change."""

from __future__ import annotations

from pipelines.observability import metrics
from pipelines.observability.metric import Metric
from steps.reconciliation.finding import FindingKind
from tests.support.harness import DEFAULTS

MINUTES = 120
_BUCKETS = ("1", "5", "30", "60", "120", "300", "+Inf")

SENT = (
    f'argo_events_events_sent_total{{eventsource_name="{DEFAULTS.events.event_source}",'
    f'event_name="{DEFAULTS.events.event_name}"}}'
)
TRIGGERED = f'argo_events_action_triggered_total{{sensor_name="{DEFAULTS.events.sensor}",trigger_name="cancel-agents"}}'

REFUSED, UNSENT = (SENT.replace("sent_total", f"{what}_failed_total") for what in ("processing", "sent"))

Series = dict[str, str]


def constant(value: float) -> str:
    """The same value all the time."""
    return f"{value:g}x{MINUTES}"


def rising(each: float) -> str:
    """So much more each minute, from zero on."""
    return f"0+{each:g}x{MINUTES}"


def since(minute: int, *, value: str = "1", before: str = "0", until: int = MINUTES) -> str:
    """One value from a minute on, until another."""
    return f"{before}x{minute} {value}x{until - minute - 1} {before}x{MINUTES - until}"


def histogram(metric: Metric, *, fast: float, slow: float = 0, **labels: str) -> Series:
    """A histogram that gets this many observations each minute: fast ones of 4 s, slow ones of 200 s."""
    chosen = ",".join(f'{name}="{value}"' for name, value in labels.items())
    counts = {"1": 0.0, "5": fast, "30": fast, "60": fast, "120": fast, "300": fast + slow, "+Inf": fast + slow}
    return {f'{metric.full_name}_bucket{{{chosen},le="{le}"}}': rising(counts[le]) for le in _BUCKETS}


def up(name: str) -> str:
    """The series by which a scraped pod of Argo Events is known."""
    return f'up{{job="{DEFAULTS.namespaces.events}/{name}"}}'


def outcome(which: str) -> str:
    """The series of an outcome."""
    return f'{metrics.CANCELLATIONS.full_name}{{outcome="{which}"}}'


def healthy() -> Series:
    """A push a minute, each dealt with in seconds."""
    return {
        metrics.PASSED_AT.full_name: rising(60),
        metrics.ATTENTION.full_name: constant(0),
        metrics.UNREAD.full_name: constant(0),
        **{f'{metrics.FINDINGS.full_name}{{kind="{kind}"}}': constant(0) for kind in FindingKind},
        **{f'{metrics.BREAKER.full_name}{{dependency="{each}"}}': constant(0) for each in ("github", "agents")},
        outcome("completed"): rising(1),
        outcome("superseded"): rising(0.5),
        outcome("failed"): constant(0),
        **histogram(metrics.DURATION, fast=1, until="gone"),
        **histogram(metrics.DURATION, fast=1, until="finished"),
        **histogram(metrics.WAIT, fast=1, before="start"),
        **histogram(metrics.WAIT, fast=1, before="lease"),
        metrics.LOST_PUSHES.full_name: constant(0),
        SENT: rising(1),
        REFUSED: constant(0),
        UNSENT: constant(0),
        TRIGGERED: rising(1),
        up(DEFAULTS.events.sensor): constant(1),
        up(DEFAULTS.events.event_source): constant(1),
    }

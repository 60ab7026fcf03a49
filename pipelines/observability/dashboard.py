"""The Grafana dashboard: from left to right what happens, from top to bottom what to look at first.

Guarantees that each panel asks for metrics that pipelines.observability.metrics renders, and that it has no fixed data
source: the person who opens it chooses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.observability.metric import Metric

_WIDTH, _HEIGHT, _COLUMNS = 8, 7, 3
_RATE = "$__rate_interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Attributes:
        kind: Grafana's.
        queries: Legend and expression of each line.
        unit: Grafana's unit.
    """

    title: str
    kind: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    about: str = ""


def _increase(metric: Metric, by: str = "") -> str:
    inner = f"increase({metric.full_name}[$__range])" if not by else f"increase({metric.full_name}[{_RATE}])"
    return f"sum by ({by}) ({inner})" if by else f"sum({inner})"


def _quantile(metric: Metric, quantile: float, *by: str) -> str:
    buckets = f"rate({metric.full_name}_bucket[{_RATE}])"
    return f"histogram_quantile({quantile:g}, sum by ({', '.join(['le', *by])}) ({buckets}))"


def panels() -> Iterator[Panel]:
    """Every panel, in reading order."""
    yield Panel(
        title="Tasks that wait for a person",
        kind="stat",
        queries=(("tasks", f"max({metrics.ATTENTION.full_name})"),),
    )
    yield Panel(
        title="Since reconcile's last pass",
        kind="stat",
        unit="s",
        queries=(("seconds", f"time() - max({metrics.PASSED_AT.full_name})"),),
    )
    yield Panel(
        title="Agents stopped in this time",
        kind="stat",
        queries=(("agents", _increase(metrics.STOPPED)),),
    )
    yield Panel(
        title="Cancellations, by outcome",
        kind="timeseries",
        queries=(("{{outcome}}", _increase(metrics.CANCELLATIONS, "outcome")),),
    )
    yield Panel(
        title="From the push until the agents are gone, until all is finished",
        kind="timeseries",
        unit="s",
        queries=(
            ("median, {{until}}", _quantile(metrics.DURATION, 0.5, "until")),
            ("nine in ten, {{until}}", _quantile(metrics.DURATION, 0.9, "until")),
        ),
    )
    yield Panel(
        title="Waiting, nine in ten",
        kind="timeseries",
        unit="s",
        about="start: Argo's queues and the pod's start. lease: the task's lock.",
        queries=(("before {{before}}", _quantile(metrics.WAIT, 0.9, "before")),),
    )
    yield Panel(
        title="Failures, by error",
        kind="timeseries",
        queries=(("{{error}}", _increase(metrics.ERRORS, "error")),),
    )
    yield Panel(
        title="Findings of reconcile, by kind",
        kind="timeseries",
        queries=(("{{kind}}", f"max by (kind) ({metrics.FINDINGS.full_name})"),),
    )
    yield Panel(
        title="Repairs, by whom",
        kind="timeseries",
        queries=(("{{by}}", _increase(metrics.REPAIRS, "by")),),
    )
    yield Panel(
        title="Requests to GitHub",
        kind="timeseries",
        queries=(("{{result}}", _increase(metrics.GITHUB_REQUESTS, "result")),),
    )
    requests = f"sum(rate({metrics.GITHUB_REQUESTS.full_name}[{_RATE}]))"
    yield Panel(
        title="A request to GitHub, on average",
        kind="timeseries",
        unit="s",
        queries=(("seconds", f"sum(rate({metrics.GITHUB_SECONDS.full_name}[{_RATE}])) / {requests}"),),
    )
    yield Panel(
        title="Breakers that are open; what reconcile could not read",
        kind="timeseries",
        queries=(
            ("{{dependency}}", f"max by (dependency) ({metrics.BREAKER.full_name})"),
            ("not read", f"max({metrics.UNREAD.full_name})"),
        ),
    )
    yield Panel(
        title="A pass of reconcile",
        kind="timeseries",
        unit="s",
        queries=(("seconds", f"max({metrics.PASS_SECONDS.full_name})"),),
    )
    yield Panel(
        title="Tasks that have a Lease",
        kind="timeseries",
        queries=(("tasks", f"max({metrics.TASKS.full_name})"),),
    )


def dashboard() -> dict[str, Any]:
    """The dashboard, as Grafana imports it."""
    return {
        "uid": "agent-cancellation",
        "title": "Agent cancellation",
        "description": "Pushes that stop stale agents. Alerts and what to do: docs/operations.md",
        "tags": ["agent-cancellation"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {
            "list": [
                {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}}
            ]
        },
        "panels": [_drawn(number, panel) for number, panel in enumerate(panels())],
    }


def _drawn(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": number + 1,
        "title": panel.title,
        "description": panel.about,
        "type": panel.kind,
        "datasource": source,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": source, "expr": expr, "legendFormat": legend}
            for index, (legend, expr) in enumerate(panel.queries)
        ],
    }

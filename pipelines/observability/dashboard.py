"""The Grafana dashboard, with the most important panels in the first row.

Guarantees that each panel queries metrics of `pipelines.observability.metrics`, and that the data source is a variable
of the dashboard.
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
        kind: Grafana's panel type.
        queries: Legend and expression of each series.
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
    """List every panel, row by row."""
    yield Panel(
        title="Tasks that need attention",
        kind="stat",
        queries=(("tasks", f"max({metrics.ATTENTION.full_name})"),),
    )
    yield Panel(
        title="Time since the last reconcile pass",
        kind="stat",
        unit="s",
        queries=(("seconds", f"time() - max({metrics.PASSED_AT.full_name})"),),
    )
    yield Panel(
        title="Agents stopped, and agents kept because of a mark",
        kind="stat",
        queries=(("stopped", _increase(metrics.STOPPED)), ("kept", _increase(metrics.KEPT_BY_MARK))),
    )
    yield Panel(
        title="Cancellations, by outcome",
        kind="timeseries",
        queries=(("{{outcome}}", _increase(metrics.CANCELLATIONS, "outcome")),),
    )
    yield Panel(
        title="Time from the push until the agents are gone and until the end",
        kind="timeseries",
        unit="s",
        queries=(
            ("median, {{until}}", _quantile(metrics.DURATION, 0.5, "until")),
            ("90th percentile, {{until}}", _quantile(metrics.DURATION, 0.9, "until")),
        ),
    )
    yield Panel(
        title="Waiting time, 90th percentile",
        kind="timeseries",
        unit="s",
        about="start: Argo's queues and the start of the pod. lease: the Lease of the task.",
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
        title="Repairs, by who made them",
        kind="timeseries",
        queries=(
            ("{{by}}", _increase(metrics.REPAIRS, "by")),
            ("lost pushes", f"sum(increase({metrics.LOST_PUSHES.full_name}[{_RATE}]))"),
        ),
    )
    yield Panel(
        title="Requests to GitHub",
        kind="timeseries",
        queries=(("{{result}}", _increase(metrics.GITHUB_REQUESTS, "result")),),
    )
    requests = f"sum(rate({metrics.GITHUB_REQUESTS.full_name}[{_RATE}]))"
    yield Panel(
        title="Average time of a request to GitHub",
        kind="timeseries",
        unit="s",
        queries=(("seconds", f"sum(rate({metrics.GITHUB_SECONDS.full_name}[{_RATE}])) / {requests}"),),
    )
    yield Panel(
        title="Open circuit breakers, and objects that reconcile could not read",
        kind="timeseries",
        queries=(
            ("{{dependency}}", f"max by (dependency) ({metrics.BREAKER.full_name})"),
            ("not read", f"max({metrics.UNREAD.full_name})"),
        ),
    )
    yield Panel(
        title="Duration of a reconcile pass",
        kind="timeseries",
        unit="s",
        queries=(("seconds", f"max({metrics.PASS_SECONDS.full_name})"),),
    )
    yield Panel(
        title="Tasks with a Lease",
        kind="timeseries",
        queries=(("tasks", f"max({metrics.TASKS.full_name})"),),
    )


def dashboard() -> dict[str, Any]:
    """Build the dashboard's JSON model."""
    return {
        "uid": "agent-cancellation",
        "title": "Agent cancellation",
        "description": "Cancellations of stale agents. docs/operations.md explains the alerts.",
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
        "panels": [_panel(number, panel) for number, panel in enumerate(panels())],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, _COLUMNS)
    # Without braces, because Flux would replace ${source} by a variable of its own, or by nothing.
    source = {"type": "prometheus", "uid": "$source"}
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

"""Metrics and outputs of the WorkflowTemplates: the steps write numbers to files, and Argo turns them into metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera.workflows import Counter, EmptyDirVolume, Gauge, Histogram, Parameter
from hera.workflows import models as m
from hera.workflows.models.io.k8s.apimachinery.pkg.api.resource import Quantity

from pipelines.observability import metrics
from pipelines.observability.metric import Metric, Series
from steps.reconciliation import FindingKind, ReconcileMetric, finding_metric
from steps.telemetry import NO_REPORT, NOT_MEASURED, REPORT, CancellationResult, Measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from enum import StrEnum

# A volume: Argo finds the files there whichever container wrote them and however it ended.
MEASUREMENTS_VOLUME, MEASUREMENTS_FOLDER = "measurements", "/var/run/agent-cancellation/measurements"
# Outcome and error of a pod that wrote neither.
_UNKNOWN, _LOST = "unknown", "Lost"


def push_metrics() -> list[Counter | Gauge | Histogram]:
    """Build the metrics of the WorkflowTemplate cancel-agents."""
    return [each for metric in metrics.PUSH_METRICS for each in metric.built()]


def reconcile_metrics() -> list[Counter | Gauge | Histogram]:
    """Build the metrics of the WorkflowTemplate reconcile-cancellations."""
    return [each for metric in (*metrics.RECONCILE_METRICS, *_zeros()) for each in metric.built()]


def _zeros() -> Iterator[Metric]:
    """Build the counters of pushes with the value 0.

    Argo forgets counters when its controller restarts, and Prometheus sees no increase in a counter that starts at 1.
    """
    outcomes = [*CancellationResult, metrics.FAILED]
    for metric, labels in (
        (metrics.CANCELLATIONS, [{"outcome": outcome} for outcome in outcomes]),
        (metrics.STOPPED, [{}]),
        (metrics.KEPT_BY_MARK, [{}]),
        (metrics.GITHUB_REQUESTS, [{"result": "answered"}, {"result": "failed"}]),
        (metrics.GITHUB_SECONDS, [{}]),
    ):
        series = tuple(Series(value="0", labels=each) for each in labels)
        yield Metric(name=metric.name, kind=metric.kind, about=metric.about, series=series)


def push_outputs() -> list[Parameter]:
    """List the outputs of the steps of a push: numbers, and a report for people."""
    return _outputs([*Measure, REPORT], {Measure.OUTCOME: _UNKNOWN, Measure.ERROR: _LOST, REPORT: NO_REPORT})


def reconcile_outputs() -> list[Parameter]:
    """List the outputs of reconcile."""
    return _outputs([*ReconcileMetric, *map(finding_metric, FindingKind)], {})


def report_outputs() -> list[Parameter]:
    """List the output of a step that leaves only a report."""
    return _outputs([REPORT], {REPORT: NO_REPORT})


def measurements_volume() -> EmptyDirVolume:
    """Build the volume of the outputs."""
    return EmptyDirVolume(
        name=MEASUREMENTS_VOLUME, mount_path=MEASUREMENTS_FOLDER, medium="Memory", size_limit=Quantity("1Mi")
    )


def _outputs(names: Iterable[StrEnum | str], defaults: Mapping[str, str]) -> list[Parameter]:
    return [
        Parameter(
            name=str(name),
            value_from=m.ValueFrom(path=f"{MEASUREMENTS_FOLDER}/{name}", default=defaults.get(str(name), NOT_MEASURED)),
        )
        for name in names
    ]

"""The metrics: which numbers of the steps become which series, in Argo's own `/metrics`.

They are metrics of workflows, not of templates, so an attempt that is repeated counts once, with what its last attempt
measured. Guarantees that a success or failure is counted whatever the pod could tell, that labels have few values
(never a task, commit or repository), and that a number which was not measured makes no series. Argo puts its prefix
before each name, needs `help` to be the same wherever a name is, and forgets all when its controller starts again;
hence the zeros, without which Prometheus would not see the first increase. Not counted: a workflow that is ended while
it waits or deleted while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hera.workflows import Counter, EmptyDirVolume, Gauge, Histogram, Parameter
from hera.workflows import models as m
from hera.workflows.models.io.k8s.apimachinery.pkg.api.resource import Quantity

from pipelines.observability.metric import Metric, Series
from steps.reconciliation import FindingKind, ReconcileMetric, finding_metric
from steps.telemetry import NO_REPORT, NOT_MEASURED, REPORT, CancellationResult, Measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from enum import StrEnum

# Where the containers leave their numbers: a volume, since Argo finds files there whichever container wrote them and
# however it ended.
MEASUREMENTS_VOLUME, MEASUREMENTS_FOLDER = "measurements", "/var/run/agent-cancellation/measurements"
FAILED, UNKNOWN, LOST = "failed", "unknown", "Lost"
_SUCCEEDED, _FAILED = "{{workflow.status}} == Succeeded", "{{workflow.status}} != Succeeded"


def _output(what: str) -> str:
    return f"{{{{outputs.parameters.{what}}}}}"


def _number(what: str, *, succeeded: bool = False, **labels: str) -> Series:
    """What was measured, if it was; `succeeded` leaves out what a failed workflow measured and another will again."""
    measured = f"{_output(what)} >= 0"
    return Series(value=_output(what), when=f"{_SUCCEEDED} && {measured}" if succeeded else measured, labels=labels)


CANCELLATIONS = Metric(
    name="agent_cancellations_total",
    kind=Counter,
    about="Cancellations that ended, by outcome",
    series=(
        Series(value="1", when=_SUCCEEDED, labels={"outcome": _output(Measure.OUTCOME)}),
        Series(value="1", when=_FAILED, labels={"outcome": FAILED}),
    ),
)
ERRORS = Metric(
    name="agent_cancellation_errors_total",
    kind=Counter,
    about="Cancellations that failed, by the error of their last attempt",
    series=(Series(value="1", when=_FAILED, labels={"error": _output(Measure.ERROR)}),),
)
DURATION = Metric(
    name="agent_cancellation_seconds",
    kind=Histogram,
    about="Seconds from a push until its stale agents were proven gone, and until all was finished",
    series=(
        _number(Measure.GONE_S, succeeded=True, until="gone"),
        _number(Measure.FINISHED_S, succeeded=True, until="finished"),
    ),
)
WAIT = Metric(
    name="agent_cancellation_wait_seconds",
    kind=Histogram,
    about="Seconds that a cancellation waited: for its start, Argo's queues included, and for the Lease",
    series=(_number(Measure.START_S, before="start"), _number(Measure.LEASE_S, before="lease")),
)
STOPPED = Metric(
    name="agent_cancellation_agents_stopped_total",
    kind=Counter,
    about="Agents that were stopped and proven gone",
    series=(_number(Measure.STOPPED, succeeded=True),),
)
GITHUB_REQUESTS = Metric(
    name="agent_cancellation_github_requests_total",
    kind=Counter,
    about="Requests to GitHub, by whether it answered",
    series=(
        _number(Measure.GITHUB_ANSWERED, result="answered"),
        _number(Measure.GITHUB_FAILED, result="failed"),
    ),
)
GITHUB_SECONDS = Metric(
    name="agent_cancellation_github_seconds_total",
    kind=Counter,
    about="Seconds that requests to GitHub took, all together",
    series=(_number(Measure.GITHUB_S),),
)
OF_A_PUSH = (CANCELLATIONS, ERRORS, DURATION, WAIT, STOPPED, GITHUB_REQUESTS, GITHUB_SECONDS)

FINDINGS = Metric(
    name="agent_cancellation_findings",
    kind=Gauge,
    about="What reconcile's last pass found wrong, by kind",
    series=tuple(_number(finding_metric(kind), kind=kind) for kind in FindingKind),
)
ATTENTION = Metric(
    name="agent_cancellation_needs_attention",
    kind=Gauge,
    about="Tasks that wait for a person",
    series=(_number(ReconcileMetric.ATTENTION),),
)
TASKS = Metric(
    name="agent_cancellation_tasks",
    kind=Gauge,
    about="Tasks that have a Lease",
    series=(_number(ReconcileMetric.TASKS),),
)
UNREAD = Metric(
    name="agent_cancellation_unread",
    kind=Gauge,
    about="Things that reconcile's last pass could not read, and judged without",
    series=(_number(ReconcileMetric.UNREAD),),
)
REPAIRS = Metric(
    name="agent_cancellation_repairs_total",
    kind=Counter,
    about="Repairs by reconcile: by a Workflow, at once, left to a person, or not possible",
    series=(
        _number(ReconcileMetric.SUBMITTED, by="workflow"),
        _number(ReconcileMetric.AT_ONCE, by="reconcile"),
        _number(ReconcileMetric.ESCALATED, by="person"),
        _number(ReconcileMetric.REPAIRS_FAILED, by="nobody"),
    ),
)
BREAKER = Metric(
    name="agent_cancellation_breaker_open",
    kind=Gauge,
    about="1 while a dependency has failed so often that it is left alone",
    series=(
        _number(ReconcileMetric.BREAKER_GITHUB, dependency="github"),
        _number(ReconcileMetric.BREAKER_AGENTS, dependency="agents"),
    ),
)
PASSED_AT = Metric(
    name="agent_cancellation_reconciled_timestamp_seconds",
    kind=Gauge,
    about="When reconcile's last pass ended, in Unix seconds",
    series=(_number(ReconcileMetric.PASSED_AT),),
)
PASS_SECONDS = Metric(
    name="agent_cancellation_reconcile_seconds",
    kind=Gauge,
    about="Seconds that reconcile's last pass took",
    series=(_number(ReconcileMetric.SECONDS),),
)
OF_RECONCILE = (FINDINGS, ATTENTION, TASKS, UNREAD, REPAIRS, BREAKER, PASSED_AT, PASS_SECONDS)
ALL = (*OF_A_PUSH, *OF_RECONCILE)


def _zeros() -> Iterator[Metric]:
    """The counters of pushes, by nothing: a counter whose first value is 1 has not increased, to Prometheus."""
    outcomes = [*CancellationResult, FAILED]
    for metric, labels in (
        (CANCELLATIONS, [{"outcome": outcome} for outcome in outcomes]),
        (STOPPED, [{}]),
        (GITHUB_REQUESTS, [{"result": "answered"}, {"result": "failed"}]),
        (GITHUB_SECONDS, [{}]),
    ):
        series = tuple(Series(value="0", labels=each) for each in labels)
        yield Metric(name=metric.name, kind=metric.kind, about=metric.about, series=series)


def push_metrics() -> list[Counter | Gauge | Histogram]:
    """The metrics of the WorkflowTemplate cancel-agents."""
    return [each for metric in OF_A_PUSH for each in metric.built()]


def reconcile_metrics() -> list[Counter | Gauge | Histogram]:
    """The metrics of the WorkflowTemplate reconcile-cancellations."""
    return [each for metric in (*OF_RECONCILE, *_zeros()) for each in metric.built()]


def _outputs(names: Iterable[StrEnum | str], defaults: Mapping[str, str]) -> list[Parameter]:
    return [
        Parameter(
            name=str(name),
            value_from=m.ValueFrom(path=f"{MEASUREMENTS_FOLDER}/{name}", default=defaults.get(str(name), NOT_MEASURED)),
        )
        for name in names
    ]


def push_outputs() -> list[Parameter]:
    """What the steps of a push leave: numbers, and a text for people."""
    return _outputs([*Measure, REPORT], {Measure.OUTCOME: UNKNOWN, Measure.ERROR: LOST, REPORT: NO_REPORT})


def reconcile_outputs() -> list[Parameter]:
    """What reconcile leaves."""
    return _outputs([*ReconcileMetric, *map(finding_metric, FindingKind)], {})


def measurements_volume() -> EmptyDirVolume:
    """Where it is left."""
    return EmptyDirVolume(
        name=MEASUREMENTS_VOLUME, mount_path=MEASUREMENTS_FOLDER, medium="Memory", size_limit=Quantity("1Mi")
    )

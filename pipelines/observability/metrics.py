"""The metrics: which numbers of the steps become which series in Argo's own `/metrics`.

They are metrics of Workflows, not of templates: a retried attempt counts once, with the numbers of its last attempt.
Guarantees that every success and failure counts, that labels have few values (never a task, commit or repository), and
that a missing number makes no series. Does not count a Workflow that is ended while it waits or deleted while it runs.

Argo prefixes each name and requires the same help text wherever a name occurs. A changed help text would thus conflict
with the series of a running controller.
"""

from __future__ import annotations

from hera.workflows import Counter, Gauge, Histogram

from pipelines.observability.metric import Metric, Series
from steps.reconciliation import FindingKind, ReconcileMetric, finding_metric
from steps.telemetry import Measure

FAILED = "failed"
_SUCCEEDED, _FAILED = "{{workflow.status}} == Succeeded", "{{workflow.status}} != Succeeded"


def _output(name: str) -> str:
    return f"{{{{outputs.parameters.{name}}}}}"


def _measured(name: str, *, succeeded: bool = False, **labels: str) -> Series:
    """Build a series from a measured output; `succeeded` omits failed Workflows, which another will measure again."""
    measured = f"{_output(name)} >= 0"
    return Series(value=_output(name), when=f"{_SUCCEEDED} && {measured}" if succeeded else measured, labels=labels)


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
        _measured(Measure.GONE_S, succeeded=True, until="gone"),
        _measured(Measure.FINISHED_S, succeeded=True, until="finished"),
    ),
)
WAIT = Metric(
    name="agent_cancellation_wait_seconds",
    kind=Histogram,
    about="Seconds that a cancellation waited: for its start, Argo's queues included, and for the Lease",
    series=(_measured(Measure.START_S, before="start"), _measured(Measure.LEASE_S, before="lease")),
)
STOPPED = Metric(
    name="agent_cancellation_agents_stopped_total",
    kind=Counter,
    about="Agents that were stopped and proven gone",
    series=(_measured(Measure.STOPPED, succeeded=True),),
)
KEPT_BY_MARK = Metric(
    name="agent_cancellation_agents_kept_by_mark_total",
    kind=Counter,
    about="Agents that were kept because a person had marked them",
    series=(_measured(Measure.KEPT_BY_MARK, succeeded=True),),
)
GITHUB_REQUESTS = Metric(
    name="agent_cancellation_github_requests_total",
    kind=Counter,
    about="Requests to GitHub, by whether it answered",
    series=(
        _measured(Measure.GITHUB_ANSWERED, result="answered"),
        _measured(Measure.GITHUB_FAILED, result="failed"),
    ),
)
GITHUB_SECONDS = Metric(
    name="agent_cancellation_github_seconds_total",
    kind=Counter,
    about="Seconds that requests to GitHub took, all together",
    series=(_measured(Measure.GITHUB_S),),
)
PUSH_METRICS = (CANCELLATIONS, ERRORS, DURATION, WAIT, STOPPED, KEPT_BY_MARK, GITHUB_REQUESTS, GITHUB_SECONDS)

FINDINGS = Metric(
    name="agent_cancellation_findings",
    kind=Gauge,
    about="What reconcile's last pass found wrong, by kind",
    series=tuple(_measured(finding_metric(kind), kind=kind) for kind in FindingKind),
)
ATTENTION = Metric(
    name="agent_cancellation_needs_attention",
    kind=Gauge,
    about="Tasks that wait for a person",
    series=(_measured(ReconcileMetric.ATTENTION),),
)
TASKS = Metric(
    name="agent_cancellation_tasks",
    kind=Gauge,
    about="Tasks that have a Lease",
    series=(_measured(ReconcileMetric.TASKS),),
)
UNREAD = Metric(
    name="agent_cancellation_unread",
    kind=Gauge,
    about="Things that reconcile's last pass could not read, and judged without",
    series=(_measured(ReconcileMetric.UNREAD),),
)
REPAIRS = Metric(
    name="agent_cancellation_repairs_total",
    kind=Counter,
    about="Repairs by reconcile: by a Workflow, at once, left to a person, or not possible",
    series=(
        _measured(ReconcileMetric.SUBMITTED, by="workflow"),
        _measured(ReconcileMetric.AT_ONCE, by="reconcile"),
        _measured(ReconcileMetric.ESCALATED, by="person"),
        _measured(ReconcileMetric.REPAIRS_FAILED, by="nobody"),
    ),
)
LOST_PUSHES = Metric(
    name="agent_cancellation_lost_pushes_total",
    kind=Counter,
    about="Pushes without a Workflow that reconcile found at GitHub, and submitted",
    series=(_measured(ReconcileMetric.LOST_PUSHES),),
)
BREAKER = Metric(
    name="agent_cancellation_breaker_open",
    kind=Gauge,
    about="1 while a dependency has failed so often that it is left alone",
    series=(
        _measured(ReconcileMetric.BREAKER_GITHUB, dependency="github"),
        _measured(ReconcileMetric.BREAKER_AGENTS, dependency="agents"),
    ),
)
PASSED_AT = Metric(
    name="agent_cancellation_reconciled_timestamp_seconds",
    kind=Gauge,
    about="When reconcile's last pass ended, in Unix seconds",
    series=(_measured(ReconcileMetric.PASSED_AT),),
)
PASS_SECONDS = Metric(
    name="agent_cancellation_reconcile_seconds",
    kind=Gauge,
    about="Seconds that reconcile's last pass took",
    series=(_measured(ReconcileMetric.SECONDS),),
)
RECONCILE_METRICS = (FINDINGS, ATTENTION, TASKS, UNREAD, REPAIRS, LOST_PUSHES, BREAKER, PASSED_AT, PASS_SECONDS)
ALL_METRICS = (*PUSH_METRICS, *RECONCILE_METRICS)

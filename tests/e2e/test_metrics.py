"""What a real Prometheus sees of a real push: from the pod's files by Argo's outputs to its controller's /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.observability import metrics
from pipelines.observability.alerts import alerts
from pipelines.observability.metric import Metric
from steps.cancellation.workflow import WORKFLOW_COMPLETED_LABEL
from tests.doubles.github import fail
from tests.e2e.provision import argo as installed
from tests.e2e.support.argo_client import ArgoClient, person
from tests.e2e.support.outcome import settled
from tests.e2e.support.passes import a_pass
from tests.e2e.support.stage import Stage
from tests.integration.prometheus.server import Prometheus, Target, prometheus

pytestmark = [pytest.mark.timeout(420, func_only=True), pytest.mark.own_cluster]


def address(stage: Stage, *, namespace: str, labels: str, port: int) -> str:
    """Where the one running pod with these labels serves."""
    query = {"labelSelector": labels, "fieldSelector": "status.phase=Running"}
    pods = stage.client.ask("GET", f"/api/v1/namespaces/{namespace}/pods", query=query)["items"]
    alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    assert len(alive) == 1, [pod["metadata"]["name"] for pod in alive]
    return f"{alive[0]['status']['podIP']}:{port}"


def quiet(stage: Stage) -> None:
    """Wait until every Workflow has ended, other tests' too: metrics are of all of them."""
    path, query = (
        f"/apis/argoproj.io/v1alpha1/namespaces/{stage.home}/workflows",
        {"labelSelector": f"{WORKFLOW_COMPLETED_LABEL}!=true"},
    )
    stage.until(lambda: not stage.client.ask("GET", path, query=query)["items"], what="all is quiet", deadline_s=180)


@pytest.fixture
def found(stage: Stage, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes what docs/operations.md says."""
    quiet(stage)
    settings = stage.cluster.settings
    events, source = settings.namespaces.events, settings.events.event_source
    controller = address(stage, namespace=installed.NAMESPACE, labels="app=workflow-controller", port=9090)
    targets = [
        Target(job="workflow-controller", address=controller, scheme="https"),
        *(
            Target(job=f"{events}/{name}", address=address(stage, namespace=events, labels=f"{key}={name}", port=7777))
            for key, name in (("sensor-name", stage.cluster.settings.events.sensor), ("eventsource-name", source))
        ),
    ]
    with prometheus(targets, settings=settings, folder=tmp_path) as running:
        running.until(lambda: running.value("sum(up)") == len(targets), what="all is scraped")
        yield running


def total(found: Prometheus, metric: Metric, *, suffix: str = "", **labels: str) -> float:
    """The value of a metric, summed over the labels that are not given; 0 if it is not there."""
    chosen = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return found.value(f"sum({metric.full_name}{suffix}{{{chosen}}})") or 0.0


def conditions(workflow: dict[str, Any]) -> set[str]:
    """What Argo says of a Workflow besides its phase."""
    return {each["type"] for each in workflow["status"].get("conditions") or ()}


def test_a_push_is_counted_once_with_what_it_took(stage: Stage, found: Prometheus) -> None:
    def seen() -> dict[str, float]:
        return {
            "completed": total(found, metrics.CANCELLATIONS, outcome="completed"),
            "failed": total(found, metrics.CANCELLATIONS, outcome="failed"),
            "stopped": total(found, metrics.STOPPED),
            "gone": total(found, metrics.DURATION, suffix="_count", until="gone"),
            "finished": total(found, metrics.DURATION, suffix="_count", until="finished"),
            "started": total(found, metrics.WAIT, suffix="_count", before="start"),
            "locked": total(found, metrics.WAIT, suffix="_count", before="lease"),
            "GitHub": total(found, metrics.GITHUB_REQUESTS, result="answered"),
        }

    before, took = seen(), total(found, metrics.GITHUB_SECONDS)
    stage.agent()
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    workflow = stage.finished(delivery)
    settled(stage)
    # One of them because the agent began less than a minute before the push.
    wanted = {name: 8 if name == "GitHub" else 0 if name == "failed" else 1 for name in before}
    found.until(
        lambda: {name: value - before[name] for name, value in seen().items()} == wanted,
        what=f"from {before} by {wanted}; it is {seen()}",
    )
    assert total(found, metrics.GITHUB_SECONDS) > took
    assert "MetricsError" not in conditions(workflow)


def test_a_failure_is_counted_with_its_error_although_main_never_ran(stage: Stage, found: Prometheus) -> None:
    failed = total(found, metrics.CANCELLATIONS, outcome="failed")
    forbidden = total(found, metrics.ERRORS, error="ForbiddenError")
    stage.github.fault(fail(401), method="GET", path="/pulls$")
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    workflow = stage.finished(delivery)
    assert workflow["status"]["phase"] == "Failed"
    found.until(
        lambda: total(found, metrics.CANCELLATIONS, outcome="failed") == failed + 1, what="the failure is counted"
    )
    assert total(found, metrics.ERRORS, error="ForbiddenError") == forbidden + 1
    assert "MetricsError" not in conditions(workflow)


def test_a_pass_of_reconcile_leaves_every_number_and_the_zeros_of_all_counters(stage: Stage, found: Prometheus) -> None:
    argo: ArgoClient = person(stage.cluster)
    a_pass(stage, argo)
    for metric in metrics.RECONCILE_METRICS:
        query = f"count({metric.full_name})"
        found.until(lambda query=query: found.value(query) is not None, what=query)  # type: ignore[misc]
    kinds = len(metrics.FINDINGS.series)
    assert found.value(f"count({metrics.FINDINGS.full_name})") == kinds
    since = found.value(f"time() - {metrics.PASSED_AT.full_name}")
    assert since is not None
    assert 0 <= since < 120
    for outcome in ("completed", "superseded", "skipped", "dry-run", metrics.FAILED):
        assert found.value(f'{metrics.CANCELLATIONS.full_name}{{outcome="{outcome}"}}') is not None, outcome


def test_prometheus_loads_the_rules_without_an_error(stage: Stage, found: Prometheus) -> None:
    found.until(lambda: not found.problems(), what="every rule is evaluated")
    assert found.alerts() == {alert.name for alert in alerts(stage.cluster.settings)}
    no_events = 'count(ALERTS{alertname="AgentCancellationEventsDown"})'
    found.until(lambda: found.value(no_events) is None, what="the Sensor and the EventSource are known to be up")

"""The measurements of the steps, their files, and Argo's metrics."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.manifests.bundle import all_manifests
from pipelines.observability import metrics
from pipelines.observability.template_metrics import MEASUREMENTS_FOLDER
from steps.cancel import cancel
from steps.core.errors import Exit, LockBusyError
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.metrics import ReconcileMetric, finding_metric
from steps.runtime.entrypoint import run_process
from steps.telemetry.measurements import (
    MEASUREMENTS_ENV,
    REPORT,
    UNEXPECTED_ERROR,
    CancellationResult,
    Measure,
    Measurements,
)
from tests.doubles.clock import ManualClock
from tests.doubles.github import fail
from tests.doubles.template_defaults import templates_with_defaults
from tests.support.broken_cluster import a_world
from tests.support.harness import DEFAULTS, NEW, Scene

OUTPUT = re.compile(r"\{\{outputs\.parameters\.([a-z-]+)\}\}")


def measured(scene: Scene, *, attempts: int = 1, **push: Any) -> dict[str, str]:  # noqa: ANN401 - passed on
    """Return the measurements of a push's one pod."""
    workflow = scene.workflow(**push)
    for _ in range(attempts):
        scene.attempt(workflow, pod="measured")
    return scene.measured["measured"].values


def test_a_push_measures_how_long_its_agents_lived_on_and_what_it_took(scene: Scene) -> None:
    scene.agent()
    scene.later(90)  # of a younger agent, GitHub's list of pushes is asked for as well
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.later(3)
    assert scene.attempt(workflow, pod="measured") is Exit.DONE
    found = scene.measured["measured"].values
    assert found[Measure.OUTCOME] == CancellationResult.COMPLETED
    assert float(found[Measure.START_S]) == pytest.approx(3, abs=1)
    assert float(found[Measure.LEASE_S]) == 0
    gone, finished = float(found[Measure.GONE_S]), float(found[Measure.FINISHED_S])
    assert 3 <= gone <= finished < 10, "both times are whole seconds"
    assert float(found[Measure.STOPPED]) == 1
    assert float(found[Measure.GITHUB_ANSWERED]) == len(scene.github.calls) == 7
    assert Measure.GITHUB_FAILED not in found
    assert Measure.ERROR not in found


def test_the_nodes_clock_is_not_used(scene: Scene) -> None:
    class Ahead(ManualClock):
        """The clock of a node that is an hour ahead."""

        def now(self) -> datetime:
            """Wall-clock time."""
            return scene.clock.now() + timedelta(hours=1)

        def monotonic(self) -> float:
            """Seconds that never jump."""
            return scene.clock.monotonic()

        def sleep(self, seconds: float) -> None:
            """Wait."""
            scene.clock.sleep(seconds)

    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    cancel(replace(scene.context(workflow, pod="ahead"), clock=Ahead()))
    found = scene.measured["ahead"].values
    assert max(float(found[each]) for each in (Measure.START_S, Measure.GONE_S, Measure.FINISHED_S)) < 10
    record = scene.record()
    assert record.finished_at is not None
    assert record.finished_at <= scene.clock.now()


def test_waiting_for_the_lease_is_measured(scene: Scene) -> None:
    held = scene.context(scene.workflow(), pod="somebody-else")
    taken = {"holderIdentity": str(held.holder), "leaseTransitions": 1, "leaseDurationSeconds": 30}
    name = held.lease()._name
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": taken}
    scene.api.create(lease | {"metadata": {"name": name, "namespace": DEFAULTS.namespaces.workflows}})
    assert 30 <= float(measured(scene)[Measure.LEASE_S]) < 40


def test_each_ending_has_its_word(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    assert measured(scene, dry_run=True)[Measure.OUTCOME] == CancellationResult.DRY_RUN
    assert measured(scene)[Measure.OUTCOME] == CancellationResult.COMPLETED
    assert measured(scene, pushed_at=scene.clock.now())[Measure.OUTCOME] == CancellationResult.SUPERSEDED
    scene.later(5)
    scene.github.edit_labels(1, add=["skip-automation"])
    scene.github.push("task-7-work", "c" * 40)
    assert measured(scene, sha="c" * 40)[Measure.OUTCOME] == CancellationResult.SKIPPED


def test_requests_that_github_did_not_answer_are_counted_apart(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    scene.github.fault(fail(503), method="GET", path="/pulls$")
    found = measured(scene)
    assert float(found[Measure.GITHUB_FAILED]) == 1
    assert float(found[Measure.GITHUB_ANSWERED]) == len(scene.github.calls) - 1


def test_clocks_that_disagree_make_no_negative_number() -> None:
    measurements = Measurements()
    measurements.set(Measure.GONE_S, -2.5)
    assert measurements.values == {Measure.GONE_S: "0.000"}


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_cannot_be_written_fails_nothing(folder: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    measurements = Measurements(folder=tmp_path / folder)
    measurements.set_label(Measure.OUTCOME, CancellationResult.COMPLETED)
    measurements.add(Measure.GITHUB_S, 1)
    assert (tmp_path / "file").read_text() == ""


def test_a_malformed_number_starts_over(tmp_path: Path) -> None:
    (tmp_path / Measure.GITHUB_S).write_text("much")
    Measurements(folder=tmp_path).add(Measure.GITHUB_S, 1)
    assert (tmp_path / Measure.GITHUB_S).read_text() == "1.000"


@pytest.fixture
def _signals_as_before() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("error", "named", "code"),
    [
        (LockBusyError("held"), "LockBusyError", Exit.TRY_AGAIN),
        (KeyError("a payload"), UNEXPECTED_ERROR, Exit.BUG),
    ],
)
@pytest.mark.usefixtures("_signals_as_before")
def test_a_step_that_fails_leaves_the_name_of_its_error(
    error: Exception, named: str, code: Exit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MEASUREMENTS_ENV, str(tmp_path))

    def step(_: object) -> None:
        raise error

    assert run_process(step, prepare=lambda *prepared: prepared) == code
    assert (tmp_path / Measure.ERROR).read_text() == named


def test_a_pass_of_reconcile_measures_each_kind_zero_included() -> None:
    with a_world() as (scene, _):
        intents = scene.reconcile()
        found = scene.measured["reconcile"].values
        for kind in FindingKind:
            wanted = sum(intent.finding.kind is kind for intent in intents)
            assert float(found[finding_metric(kind)]) == wanted
        assert float(found[ReconcileMetric.TASKS]) > 0
        assert float(found[ReconcileMetric.ATTENTION]) == float(found[ReconcileMetric.ESCALATED]) == 1, (
            "the unreadable record"
        )
        assert float(found[ReconcileMetric.SUBMITTED]) == 3
        assert float(found[ReconcileMetric.LOST_PUSHES]) == 1
        assert float(found[ReconcileMetric.AT_ONCE]) == 3
        assert float(found[ReconcileMetric.REPAIRS_FAILED]) == 0
        assert float(found[ReconcileMetric.PASSED_AT]) == pytest.approx(scene.clock.now().timestamp(), abs=1)
        scene.reconcile()
        assert float(found[ReconcileMetric.ATTENTION]) == float(found[ReconcileMetric.ESCALATED]) == 1, (
            "called once, and still waits"
        )


def test_a_dry_run_of_reconcile_repairs_nothing_and_says_so() -> None:
    with a_world() as (scene, _):
        scene.reconcile(dry_run=True)
        found = scene.measured["reconcile"].values
        done = (
            ReconcileMetric.SUBMITTED,
            ReconcileMetric.AT_ONCE,
            ReconcileMetric.ESCALATED,
            ReconcileMetric.REPAIRS_FAILED,
            ReconcileMetric.LOST_PUSHES,
        )
        assert [float(found[each]) for each in done] == [0, 0, 0, 0, 0]
        assert float(found[finding_metric(FindingKind.STUCK)]) == 1


def test_an_open_breaker_is_measured(scene: Scene) -> None:
    breaker = scene.breakers().github
    for _ in range(DEFAULTS.breaker.failures):
        breaker.failed()
    scene.reconcile()
    found = scene.measured["reconcile"].values
    assert (float(found[ReconcileMetric.BREAKER_GITHUB]), float(found[ReconcileMetric.BREAKER_AGENTS])) == (1, 0)


def templates() -> list[dict[str, Any]]:
    return [each for each in all_manifests(DEFAULTS) if each["kind"] == "WorkflowTemplate"]


def outputs(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The outputs of the entry template."""
    spec = template["spec"]
    entry = next(each for each in spec["templates"] if each["name"] == spec["entrypoint"])
    return {each["name"]: each["valueFrom"] for each in entry["outputs"]["parameters"]}


def test_every_number_is_an_output_with_a_default_and_becomes_a_metric() -> None:
    names: set[str] = set()
    for template in templates():
        found = outputs(template)
        used = set(OUTPUT.findall(str(template["spec"]["metrics"])))
        assert used == set(found) - {REPORT}, "no text for people may become a label"
        assert all(each["default"] and each["path"] == f"{MEASUREMENTS_FOLDER}/{name}" for name, each in found.items())
        names |= used
    assert names == {*Measure, *ReconcileMetric, *map(finding_metric, FindingKind)}


def test_a_metric_has_one_help_wherever_it_is() -> None:
    series = [each for template in templates() for each in template["spec"]["metrics"]["prometheus"]]
    helps = {(each["name"], each["help"]) for each in series}
    assert len(helps) == len({name for name, _ in helps}) == len(metrics.ALL_METRICS)


def test_labels_have_few_values() -> None:
    for template in templates():
        for series in template["spec"]["metrics"]["prometheus"]:
            for label in series.get("labels", ()):
                assert OUTPUT.findall(label["value"]) in ([], [Measure.OUTCOME], [Measure.ERROR]), series
                assert "workflow.parameters" not in label["value"]


def test_a_number_that_was_not_measured_makes_no_series() -> None:
    for template in templates():
        for series in template["spec"]["metrics"]["prometheus"]:
            kind = next(each for each in ("counter", "gauge", "histogram") if each in series)
            if number := OUTPUT.findall(series[kind]["value"]):
                assert f"{{{{outputs.parameters.{number[0]}}}}} >= 0" in series["when"]


def test_argo_finds_the_folder_on_a_volume_and_not_in_the_image() -> None:
    container = templates_with_defaults(templates()[0])[0]["container"]
    assert {"name": MEASUREMENTS_ENV, "value": MEASUREMENTS_FOLDER} in container["env"]
    assert MEASUREMENTS_FOLDER in {each["mountPath"] for each in container["volumeMounts"]}


def test_steps_measure_without_a_folder_too(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    assert scene.step(cancel, workflow, pod="plain") is Exit.DONE

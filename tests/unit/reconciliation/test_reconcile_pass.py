"""One process of reconcile: its environment, the number of passes, its log, and errors of one task."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from steps.core.errors import BadInputError, ConflictError, Exit, TerminatedError
from steps.observed_state.repair_attempts import ATTENTION_LABEL, RepairAttempts, read_attempts
from steps.observed_state.task_state import TaskState
from steps.reconcile import _context, reconcile
from steps.reconciliation import detection
from steps.reconciliation.attempts import count_attempt
from steps.reconciliation.finding import Finding, FindingKind
from steps.reconciliation.planning import PlannedRepair, RepairAction
from steps.reconciliation.reconcile_pass import _find_each, _guarded, _repair_and_count, run_pass
from steps.reconciliation.snapshot import take_snapshot
from steps.reconciliation.task_index import TaskIndex
from steps.runtime.github_connections import GitHubConnections
from steps.settings.loading import SETTINGS_ENV, ReconcileStepSettings
from steps.telemetry.log import Log
from steps.telemetry.measurements import Measurements
from steps.telemetry.tracing import TRACING_OFF
from tests.doubles.kubernetes import Fault
from tests.support.broken_cluster import a_world
from tests.support.factories import finding
from tests.support.harness import DEFAULTS, OLD, Scene
from tests.support.scenarios import failed
from tests.support.scene.in_process import InProcess

HOME = DEFAULTS.namespaces.workflows
EVERY_S = DEFAULTS.reconcile.every_s


def lines(scene: Scene, event: str) -> list[dict[str, Any]]:
    return [line for line in scene.events() if line["event"] == event]


# The environment.


def env(scene: Scene, **changes: Any) -> dict[str, str]:  # noqa: ANN401 - passed on
    """The rendered environment of its pod."""
    settings = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, **changes))
    pod = scene.reconcile_context().holder
    return {
        SETTINGS_ENV: settings.for_reconcile(),
        "WORKFLOW_NAME": "reconcile-9",
        "WORKFLOW_UID": "workflow-uid",
        "WORKFLOW_CREATED_AT": "1772366400",
        "POD_NAME": pod.pod,
        "POD_UID": pod.pod_uid,
        "SERVICE_ACCOUNT": "reconciler",
    }


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_process_reads_the_environment_of_its_pod(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, dry_run: bool
) -> None:
    monkeypatch.setattr("steps.runtime.wiring.connect_kubernetes", lambda: InProcess(scene.api))
    log, measured = Log(clock=scene.clock, stream=scene.output), Measurements()
    given = env(scene, dry_run=dry_run)
    context = _context(given, scene.clock, log, measured, TRACING_OFF)
    assert isinstance(context.settings, ReconcileStepSettings)
    assert context.settings.reconcile == replace(DEFAULTS.reconcile, dry_run=dry_run)
    assert (context.workflow, context.dry_run) == ("reconcile-9", dry_run)
    assert str(context.holder) == f"workflow-uid/{given['POD_UID']}/{given['POD_NAME']}"
    assert context.started_at == datetime.fromtimestamp(1772366400, UTC)
    assert context.now() == context.started_at
    scene.later(5)
    assert context.now() == context.started_at + timedelta(seconds=5)
    assert (context.clock, context.log, context.measurements) == (scene.clock, log, measured)
    assert 0 <= context.random() < 1

    context.clients.breakers.github.failed()
    stored = scene.api.get("configmaps", DEFAULTS.breaker.config_map, namespace=HOME)
    assert json.loads(stored["data"]["github"])["failures"] == 1
    (audit,) = lines(scene, "audit")
    assert (audit["workflow"], audit["pod"], audit["account"]) == ("reconcile-9", given["POD_NAME"], "reconciler")


@pytest.mark.parametrize(("usual_s", "deadline_s"), [(60.0, 10.0), (10.5, 10.0), (4.0, 4.0)])
def test_a_pass_waits_for_github_for_at_most_ten_seconds_and_exposes_no_token(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, usual_s: float, deadline_s: float
) -> None:
    monkeypatch.setattr("steps.runtime.wiring.connect_kubernetes", lambda: InProcess(scene.api))
    settings = replace(DEFAULTS, github=replace(DEFAULTS.github, deadline_s=usual_s))
    log, measured = Log(clock=scene.clock, stream=scene.output), Measurements()
    context = _context(env(scene) | {SETTINGS_ENV: settings.for_reconcile()}, scene.clock, log, measured, TRACING_OFF)
    given = context.clients.github
    assert isinstance(given, GitHubConnections)
    assert given.settings == replace(settings.github, deadline_s=deadline_s)
    assert (given.clock, given.breaker) == (scene.clock, context.clients.breakers.github)
    assert (given.measured, given.tracer) == (measured, TRACING_OFF)
    assert given.lag_s == 0, "the next pass reads again what GitHub does not know yet"


@pytest.mark.parametrize("missing", ["WORKFLOW_NAME", "POD_UID", SETTINGS_ENV])
def test_a_missing_environment_variable_is_named(scene: Scene, missing: str) -> None:
    given = {name: value for name, value in env(scene).items() if name != missing}
    with pytest.raises(BadInputError, match=f"^{missing}"):
        _context(given, scene.clock, Log(clock=scene.clock, stream=scene.output), Measurements(), TRACING_OFF)


# The number of passes.


@pytest.mark.parametrize(
    ("lasts_s", "passes", "until_s"),
    [(0, 2, EVERY_S), (29, 2, EVERY_S + 29), (29.75, 2, EVERY_S + 29.75), (30, 1, 30), (45, 1, 45)],
)
def test_a_pass_starts_if_it_can_end_within_the_minute(
    scene: Scene, lasts_s: float, passes: int, until_s: float
) -> None:
    slow = Fault(method="GET", path="/leases", before=lambda _: scene.later(lasts_s), times=0)
    scene.api.faults.add(slow)
    began = scene.clock.monotonic()
    reconcile(scene.reconcile_context())
    assert len(lines(scene, "pass done")) == passes
    assert scene.clock.monotonic() - began == until_s


def test_the_next_pass_starts_at_once_if_a_pass_takes_longer_than_the_pause(scene: Scene) -> None:
    scene.reconcile_settings = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, every_s=5))
    slow = Fault(method="GET", path="/leases", before=lambda _: scene.later(10), times=0)
    scene.api.faults.add(slow)
    began = scene.clock.monotonic()
    reconcile(scene.reconcile_context())
    assert len(lines(scene, "pass done")) == 5
    assert scene.clock.monotonic() - began == 50


@pytest.mark.parametrize("every_s", [120, 3600, 0])
def test_a_pod_runs_one_pass_if_the_next_one_is_for_another_pod_or_for_none(scene: Scene, every_s: int) -> None:
    scene.reconcile_settings = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, every_s=every_s))
    began = scene.clock.monotonic()
    reconcile(scene.reconcile_context())
    assert len(lines(scene, "pass done")) == 1
    assert scene.clock.monotonic() == began


# The log.


def test_a_pass_logs_each_finding_and_a_summary() -> None:
    with a_world() as (scene, _):
        tasks = len(scene.api.list("leases", namespace=HOME))
        done = run_pass(scene.reconcile_context())
        planned = [each.planned for each in done.repairs]
        logged = lines(scene, "finding")
        assert [
            (line["finding"], line["task"], line["repository"], line["detail"], line["advice"]) for line in logged
        ] == [
            (each.finding.kind, each.finding.task, each.finding.repository, each.finding.detail, each.finding.advice)
            for each in planned
        ]
        assert [(line["action"], line["reason"]) for line in logged] == [(each.action, each.reason) for each in planned]
        (summary,) = lines(scene, "pass done")
        submitted = [each for each in planned if each.action in (RepairAction.SUBMIT, RepairAction.REOPEN)]
        assert {key: summary[key] for key in ("tasks", "findings", "repairs", "idle", "dry_run")} == {
            "tasks": tasks,
            "findings": len(done.repairs),
            "repairs": len(submitted),
            "idle": len(done.idle),
            "dry_run": False,
        }
        assert lines(scene, "unexpected error: please report it") == []
        assert len(scene.repairs()) == len(submitted)
        assert len(submitted) > 2
        assert len(done.idle) == 1


def test_a_pass_logs_its_duration_rounded_to_milliseconds(scene: Scene) -> None:
    scene.api.faults.add(Fault(method="GET", path="/leases", before=lambda _: scene.later(1.2345678)))
    run_pass(scene.reconcile_context())
    assert lines(scene, "pass done")[0]["seconds"] == 1.235


def test_a_task_that_is_healthy_again_has_no_attempts(scene: Scene) -> None:
    assert scene.play(scene.workflow()) is Exit.DONE
    name, context = scene.lease()["metadata"]["name"], scene.reconcile_context()
    count_attempt(name, of=None, after=RepairAttempts(), what="stuck", context=context)
    run_pass(context)
    assert read_attempts(scene.lease()["metadata"]).count == 0
    assert lines(scene, "unexpected error: please report it") == []


def test_a_dry_run_reports_the_same_and_writes_nothing() -> None:
    with a_world() as (scene, _):
        scene.api.calls.clear()
        context = scene.reconcile_context(dry_run=True)
        would = run_pass(context)
        measured = [float(context.measurements.values[metric]) for metric in ("repairs-submitted", "needs-attention")]
        assert measured == [0, 0], "nothing was repaired, and nothing escalated"
        assert {call.method for call in scene.api.calls} == {"GET"}
        assert lines(scene, "pass done")[-1]["dry_run"] is True
        done = run_pass(scene.reconcile_context())
        assert would.repairs == done.repairs
        assert would.idle == done.idle
        assert would.repairs
        assert would.idle
        assert would.failures == 0


def test_the_result_of_a_pass_has_the_unread_objects(scene: Scene) -> None:
    scene.api.faults.add(Fault(method="GET", path="/configmaps\\?", status=403, reason="Forbidden", times=0))
    found = run_pass(scene.reconcile_context())
    (problem,) = found.unread
    assert lines(scene, "could not be read, pass continues without it")[0]["problem"] == problem


# Errors of one task.


def fails(error: Exception) -> Callable[[], None]:
    def do() -> None:
        raise error

    return do


def test_an_error_of_one_task_is_logged_and_affects_no_other(scene: Scene) -> None:
    context = scene.reconcile_context()
    assert _guarded(lambda: None, task="7", context=context) == ""
    assert _guarded(fails(ConflictError("it changed")), task="7", context=context) == "it changed"
    (line,) = lines(scene, "task could not be repaired, next pass tries again")
    assert (line["task"], line["error"], line["problem"]) == ("7", "ConflictError", "it changed")
    problem = _guarded(fails(KeyError("a payload")), task="8", context=context)
    assert problem == "unexpected error (KeyError): please report it"
    (line,) = lines(scene, "unexpected error: please report it")
    assert (line["task"], line["error"]) == ("8", "KeyError")
    assert line["where"][-1].startswith(f"{Path(__file__).name}:")
    assert "a payload" not in scene.output.getvalue()


def test_a_terminated_process_ends(scene: Scene) -> None:
    with pytest.raises(TerminatedError):
        _guarded(fails(TerminatedError("SIGTERM")), task="7", context=scene.reconcile_context())


def test_a_task_that_cannot_be_judged_is_reported_and_blocks_no_other(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.github.add_pull_request(head="task-8-work", sha=OLD)
    assert scene.play(scene.workflow(task=8)) is Exit.DONE
    escalated = {"metadata": {"labels": {ATTENTION_LABEL: "true"}}}
    scene.api.patch("leases", scene.lease(task=8)["metadata"]["name"], escalated, namespace=HOME)
    failed(scene)
    scene.later(400)
    judge = detection._lease_findings

    def fails_for_8(task_state: TaskState, *, index: TaskIndex) -> Iterator[Finding]:
        if task_state.task == "8":
            raise KeyError("a payload")
        yield from judge(task_state, index=index)

    monkeypatch.setattr(detection, "_lease_findings", fails_for_8)
    found = run_pass(scene.reconcile_context())
    assert [(each.planned.finding.task, each.planned.action) for each in found.repairs] == [("7", RepairAction.SUBMIT)]
    assert found.unread == ("task 8: cannot be judged (KeyError): please report it",)
    assert scene.lease(task=8)["metadata"]["labels"][ATTENTION_LABEL] == "true"
    assert "a payload" not in scene.output.getvalue()


def test_a_task_that_cannot_be_judged_is_left_out_of_what_the_pass_knows(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(scene)
    scene.github.add_pull_request(head="task-8-work", sha=OLD)
    assert scene.play(scene.workflow(task=8)) is Exit.DONE
    judge = detection._lease_findings

    def fails_for_8(task_state: TaskState, *, index: TaskIndex) -> Iterator[Finding]:
        if task_state.task == "8":
            raise KeyError("a payload")
        yield from judge(task_state, index=index)

    monkeypatch.setattr(detection, "_lease_findings", fails_for_8)
    context = scene.reconcile_context()
    _, known = _find_each(take_snapshot(context), context=context)
    assert [each.task for each in known.task_states] == ["7"]


@pytest.mark.parametrize("refused", [True, False])
def test_a_pass_counts_the_repairs_that_were_made_and_those_that_failed(scene: Scene, *, refused: bool) -> None:
    failed(scene)
    scene.later(400)
    if refused:
        scene.api.faults.add(Fault(method="POST", path="/workflows", status=403, reason="Forbidden", times=0))
    context = scene.reconcile_context()
    found = run_pass(context)
    assert [bool(each.problem) for each in found.repairs] == [refused]
    counted = (context.measurements.values.get(each) for each in ("repairs-submitted", "repairs-failed"))
    assert [float(each or 0) for each in counted] == ([0, 1] if refused else [1, 0])


def test_a_pass_says_why_an_idle_lease_could_not_be_deleted() -> None:
    with a_world() as (scene, _):
        scene.api.faults.add(Fault(method="DELETE", path="/leases/", status=403, reason="Forbidden", times=0))
        (idle,) = run_pass(scene.reconcile_context()).idle
        assert "403" in idle.problem


def test_an_error_without_a_text_is_named_by_its_kind(scene: Scene) -> None:
    assert _guarded(fails(ConflictError("")), task="7", context=scene.reconcile_context()) == "ConflictError"


@pytest.mark.parametrize(
    "action", [RepairAction.SUBMIT, RepairAction.REOPEN, RepairAction.FREE, RepairAction.ESCALATE, RepairAction.CLEAR]
)
@pytest.mark.parametrize("works", [True, False], ids=["done", "refused"])
def test_submitted_workflows_and_failed_repairs_count_as_attempts_and_escalation_does_not(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, action: RepairAction, *, works: bool
) -> None:
    counted: list[PlannedRepair] = []
    monkeypatch.setattr(
        "steps.reconciliation.reconcile_pass.apply_repair",
        lambda *_, **__: None if works else fails(ConflictError("no"))(),
    )
    monkeypatch.setattr("steps.reconciliation.reconcile_pass.count_repair", lambda repair, **_: counted.append(repair))
    repair = PlannedRepair(finding=finding(FindingKind.STUCK), action=action)
    repair_and_count = partial(_repair_and_count, repair, context=scene.reconcile_context())
    if works:
        repair_and_count()
    else:
        with pytest.raises(ConflictError):
            repair_and_count()
    expected = action in (RepairAction.SUBMIT, RepairAction.REOPEN) if works else action is not RepairAction.ESCALATE
    assert counted == ([repair] if expected else [])

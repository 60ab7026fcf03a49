"""One process of reconcile: what it works with, how many passes it makes, what it says, and what one task may cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from steps import tracing, tries
from steps.errors import BadInputError, ConflictError, Exit, TerminatedError
from steps.findings import Finding, Kind
from steps.github_rules import GitHubRules
from steps.log import Log
from steps.measurements import Measurements
from steps.plan import Action, Intent
from steps.reconcile import _guarded, _mend, _sweep, reconcile, sweep_once
from steps.settings import ENV, ReconcileSettings
from tests.doubles.kubernetes import Fault
from tests.scene import DEFAULTS, InProcess, Scene
from tests.trouble import a_world

HOME = DEFAULTS.namespaces.workflows
EVERY_S = DEFAULTS.reconcile.every_s


def lines(scene: Scene, event: str) -> list[dict[str, Any]]:
    return [line for line in scene.events() if line["event"] == event]


# What it works with.


def env(scene: Scene, **changes: Any) -> dict[str, str]:  # noqa: ANN401 - passed on
    """The environment that is rendered into its pod."""
    settings = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, **changes))
    pod = scene.sweep().holder
    return {
        ENV: settings.for_reconcile(),
        "WORKFLOW_NAME": "reconcile-9",
        "WORKFLOW_UID": "workflow-uid",
        "WORKFLOW_CREATED_AT": "1772366400",
        "POD_NAME": pod.pod,
        "POD_UID": pod.pod_uid,
        "SERVICE_ACCOUNT": "sweeper",
    }


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_process_is_made_from_the_environment_of_its_pod(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, dry_run: bool
) -> None:
    monkeypatch.setattr("steps.dependencies.connect", lambda: InProcess(scene.api))
    log, measured = Log(clock=scene.clock, stream=scene.output), Measurements()
    given = env(scene, dry_run=dry_run)
    sweep = _sweep(given, scene.clock, log, measured, tracing.OFF)
    assert isinstance(sweep.settings, ReconcileSettings)
    assert sweep.settings.reconcile == replace(DEFAULTS.reconcile, dry_run=dry_run)
    assert (sweep.workflow, sweep.dry_run) == ("reconcile-9", dry_run)
    assert str(sweep.holder) == f"workflow-uid/{given['POD_UID']}/{given['POD_NAME']}"
    assert sweep.started_at == datetime.fromtimestamp(1772366400, UTC)
    assert sweep.now() == sweep.started_at
    scene.later(5)
    assert sweep.now() == sweep.started_at + timedelta(seconds=5)
    assert (sweep.clock, sweep.log, sweep.measurements) == (scene.clock, log, measured)
    assert 0 <= sweep.random() < 1

    sweep.breakers.github.failed()
    stored = scene.api.get("configmaps", DEFAULTS.breaker.config_map, namespace=HOME)
    assert json.loads(stored["data"]["github"])["failures"] == 1
    (audit,) = lines(scene, "audit")
    assert (audit["workflow"], audit["pod"], audit["account"]) == ("reconcile-9", given["POD_NAME"], "sweeper")


@pytest.mark.parametrize(("usual_s", "deadline_s"), [(60.0, 10.0), (10.5, 10.0), (4.0, 4.0)])
def test_a_pass_waits_for_github_for_ten_seconds_at_most_and_hands_no_token_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, usual_s: float, deadline_s: float
) -> None:
    monkeypatch.setattr("steps.dependencies.connect", lambda: InProcess(scene.api))
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("steps.dependencies.connect_github", lambda _keep, **given: asked.append(given))
    settings = replace(DEFAULTS, github=replace(DEFAULTS.github, deadline_s=usual_s))
    log, measured = Log(clock=scene.clock, stream=scene.output), Measurements()
    sweep = _sweep(env(scene) | {ENV: settings.for_reconcile()}, scene.clock, log, measured, tracing.OFF)
    sweep.github(lambda: None)
    (given,) = asked
    usual: GitHubRules = given["usual"]
    assert usual == replace(settings.github, deadline_s=deadline_s, handover="")
    assert (given["clock"], given["breaker"]) == (scene.clock, sweep.breakers.github)
    assert (given["measured"], given["tracer"]) == (measured, tracing.OFF)
    assert given["audit"] is not None


@pytest.mark.parametrize("missing", ["WORKFLOW_NAME", "POD_UID", ENV])
def test_without_its_environment_it_says_what_is_missing(scene: Scene, missing: str) -> None:
    given = {name: value for name, value in env(scene).items() if name != missing}
    with pytest.raises(BadInputError, match=f"^{missing}"):
        _sweep(given, scene.clock, Log(clock=scene.clock, stream=scene.output), Measurements(), tracing.OFF)


# How many passes.


@pytest.mark.parametrize(
    ("lasts_s", "passes", "until_s"),
    [(0, 2, EVERY_S), (29, 2, EVERY_S + 29), (29.75, 2, EVERY_S + 29.75), (30, 1, 30), (45, 1, 45)],
)
def test_a_pass_is_begun_if_it_will_have_ended_within_the_minute(
    scene: Scene, lasts_s: float, passes: int, until_s: float
) -> None:
    slow = Fault(method="GET", path="/leases", before=lambda _: scene.later(lasts_s), times=0)
    scene.api.faults.add(slow)
    began = scene.clock.monotonic()
    reconcile(scene.sweep())
    assert len(lines(scene, "pass done")) == passes
    assert scene.clock.monotonic() - began == until_s


def test_passes_follow_each_other_at_once_if_each_takes_longer_than_the_pause(scene: Scene) -> None:
    scene.rules = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, every_s=5))
    slow = Fault(method="GET", path="/leases", before=lambda _: scene.later(10), times=0)
    scene.api.faults.add(slow)
    began = scene.clock.monotonic()
    reconcile(scene.sweep())
    assert len(lines(scene, "pass done")) == 5
    assert scene.clock.monotonic() - began == 50


# What it says.


def test_a_pass_tells_each_finding_and_what_it_came_to() -> None:
    with a_world() as (scene, _):
        tasks = len(scene.api.list("leases", namespace=HOME))
        done = sweep_once(scene.sweep())
        told = lines(scene, "found")
        assert [
            (line["finding"], line["task"], line["repository"], line["detail"], line["advice"]) for line in told
        ] == [
            (each.finding.kind, each.finding.task, each.finding.repository, each.finding.detail, each.finding.advice)
            for each in done.intents
        ]
        assert [(line["action"], line["why"]) for line in told] == [(each.action, each.why) for each in done.intents]
        (summary,) = lines(scene, "pass done")
        submitted = [each for each in done.intents if each.action in (Action.SUBMIT, Action.REOPEN)]
        assert {key: summary[key] for key in ("tasks", "findings", "repairs", "idle", "dry_run")} == {
            "tasks": tasks,
            "findings": len(done.intents),
            "repairs": len(submitted),
            "idle": len(done.idle),
            "dry_run": False,
        }
        assert lines(scene, "unexpected error: please report it") == []
        assert len(scene.repairs()) == len(submitted)
        assert len(submitted) > 2
        assert len(done.idle) == 1


def test_a_pass_tells_how_long_it_took_to_a_thousandth_of_a_second(scene: Scene) -> None:
    scene.api.faults.add(Fault(method="GET", path="/leases", before=lambda _: scene.later(1.2345678)))
    sweep_once(scene.sweep())
    assert lines(scene, "pass done")[0]["seconds"] == 1.235


def test_a_task_that_is_healthy_again_starts_with_no_tries(scene: Scene) -> None:
    assert scene.play(scene.workflow()) is Exit.DONE
    name, sweep = scene.lease()["metadata"]["name"], scene.sweep()
    tries.count(name, of=None, after=tries.Tries(), what="stuck", sweep=sweep)
    sweep_once(sweep)
    assert tries.read(scene.lease()["metadata"]).count == 0
    assert lines(scene, "unexpected error: please report it") == []


def test_a_dry_run_says_the_same_and_does_nothing() -> None:
    with a_world() as (scene, _):
        scene.api.calls.clear()
        would = sweep_once(scene.sweep(dry_run=True))
        assert {call.method for call in scene.api.calls} == {"GET"}
        assert lines(scene, "pass done")[-1]["dry_run"] is True
        done = sweep_once(scene.sweep())
        assert would.intents == done.intents
        assert would.idle == done.idle


def test_what_could_not_be_read_is_part_of_what_a_pass_found(scene: Scene) -> None:
    scene.api.faults.add(Fault(method="GET", path="/configmaps\\?", status=403, reason="Forbidden", times=0))
    found = sweep_once(scene.sweep())
    (problem,) = found.unread
    assert lines(scene, "could not be read: judged without it")[0]["problem"] == problem


# What one task may cost.


def fails(error: Exception) -> Callable[[], None]:
    def do() -> None:
        raise error

    return do


def test_what_went_wrong_for_one_task_is_said_and_stays_with_it(scene: Scene) -> None:
    sweep = scene.sweep()
    assert _guarded(lambda: None, task="7", sweep=sweep)
    assert not _guarded(fails(ConflictError("it changed")), task="7", sweep=sweep)
    (told,) = lines(scene, "task could not be mended now")
    assert (told["task"], told["error"], told["problem"]) == ("7", "ConflictError", "it changed")
    assert not _guarded(fails(KeyError("a payload")), task="8", sweep=sweep)
    (told,) = lines(scene, "unexpected error: please report it")
    assert (told["task"], told["error"]) == ("8", "KeyError")
    assert told["where"][-1].startswith(f"{Path(__file__).name}:")
    assert "a payload" not in scene.output.getvalue()


def test_a_process_that_is_told_to_end_does(scene: Scene) -> None:
    with pytest.raises(TerminatedError):
        _guarded(fails(TerminatedError("SIGTERM")), task="7", sweep=scene.sweep())


@pytest.mark.parametrize("action", [Action.SUBMIT, Action.REOPEN, Action.FREE, Action.HAND_OVER, Action.CLEAR])
@pytest.mark.parametrize("works", [True, False], ids=["done", "refused"])
def test_a_workflow_that_was_submitted_and_a_repair_that_failed_are_tries_and_calling_a_person_is_none(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, action: Action, *, works: bool
) -> None:
    counted: list[Intent] = []
    monkeypatch.setattr("steps.reconcile.mend", lambda *_, **__: None if works else fails(ConflictError("no"))())
    monkeypatch.setattr("steps.reconcile.count", lambda intent, **_: counted.append(intent))
    intent = Intent(finding=Finding(kind=Kind.STUCK, task="7", repository="", detail=""), action=action)
    mend = partial(_mend, intent, sweep=scene.sweep())
    if works:
        mend()
    else:
        with pytest.raises(ConflictError):
            mend()
    expected = action in (Action.SUBMIT, Action.REOPEN) if works else action is not Action.HAND_OVER
    assert counted == ([intent] if expected else [])

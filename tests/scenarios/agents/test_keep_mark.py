"""A run that a person marks with agent-cancellation/keep is kept, whenever the mark comes before its DELETE."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.cli.main import main
from steps.core.errors import Exit
from steps.core.keys import KEEP
from steps.domain.agent import RunOutcome
from steps.domain.record import LabelOutcome, Phase
from steps.domain.run_decision import KEEP_REASON
from steps.settings.agent_kinds import RunKind
from steps.telemetry.measurements import REPORT, Measure
from tests.doubles.kubernetes import Fault, serve, write_kubeconfig
from tests.doubles.platform.runs import CLEO
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene

AGENTS = DEFAULTS.namespaces.agents[0]
ASKED = {"metadata": {"annotations": {"stop": "please"}}}
MARKS = pytest.mark.parametrize("where", ["labels", "annotations"])
STOP_PATCH: dict[str, RunKind] = {
    "asked, then deleted": replace(DEFAULTS.agents[0], stop_patch=ASKED),
    "only asked": replace(DEFAULTS.agents[0], stop_patch=ASKED, delete=False),
}


def mark(scene: Scene, name: str, *, where: str = "labels", value: str = "true") -> None:
    """A person marks a run, as with kubectl."""
    scene.api.patch("coderuns", name, {"metadata": {where: {KEEP: value}}}, namespace=AGENTS)


def two_runs(scene: Scene) -> tuple[str, str]:
    """Two runs on the old code: the one that will be kept, and another; then a push."""
    kept, other = (scene.agent(agent=agent)["metadata"]["name"] for agent in (CLEO, "5DLabs-Tess"))
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    return kept, other


def assert_kept(scene: Scene, kept: str, other: str) -> None:
    """Assert that the marked run works on, that the other one is gone, and that the record says why."""
    assert scene.runs() == {kept}
    record = scene.record()
    assert (record.phase, record.labels) == (Phase.COMPLETED, LabelOutcome.MOVED)
    found = {agent.name: (agent.outcome, agent.reason) for agent in record.agents}
    assert found[kept] == (RunOutcome.KEPT, KEEP_REASON)
    assert found[other][0] is RunOutcome.GONE
    pods = {pod["metadata"]["labels"].get("job-name", "") for pod in scene.api.list("pods", namespace=AGENTS)}
    job = scene.api.get("coderuns", kept, namespace=AGENTS)["status"]["jobName"]
    assert pods == {job}, "its pod works on, too"


@MARKS
def test_a_run_that_is_marked_before_the_push_is_kept(scene: Scene, where: str) -> None:
    kept, other = two_runs(scene)
    mark(scene, kept, where=where)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert_kept(scene, kept, other)


def test_a_mark_from_a_file_with_a_line_break_at_its_end_counts(scene: Scene) -> None:
    kept, other = two_runs(scene)
    mark(scene, kept, where="annotations", value="true\n")
    assert scene.play(scene.workflow()) is Exit.DONE
    assert_kept(scene, kept, other)


@pytest.mark.parametrize("value", ["false", "", "True", "yes", "1"])
@MARKS
def test_any_other_value_is_no_mark(scene: Scene, where: str, value: str) -> None:
    kept, _ = two_runs(scene)
    mark(scene, kept, where=where, value=value)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


@MARKS
@pytest.mark.parametrize("method", ["list", "first DELETE"])
def test_a_run_that_is_marked_between_the_list_and_its_delete_is_kept(scene: Scene, where: str, method: str) -> None:
    kept, other = two_runs(scene)
    when: dict[str, Callable[[], Fault]] = {
        "list": lambda: Fault(method="GET", path="/coderuns\\?", after=lambda _: mark(scene, kept, where=where)),
        "first DELETE": lambda: Fault(
            method="DELETE", path=f"/coderuns/{kept}", before=lambda _: mark(scene, kept, where=where)
        ),
    }
    scene.api.faults.add(when[method]())
    assert scene.play(scene.workflow()) is Exit.DONE
    assert_kept(scene, kept, other)


@MARKS
@pytest.mark.parametrize("kind", STOP_PATCH)
@pytest.mark.parametrize("moment", ["before it is asked", "while it is asked", "seconds later"])
def test_a_run_that_is_marked_while_it_is_asked_to_stop_is_kept(
    scene: Scene, where: str, kind: str, moment: str
) -> None:
    scene.settings = replace(DEFAULTS, agents=(STOP_PATCH[kind],))
    kept = scene.agent(agent=CLEO)["metadata"]["name"]
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    asked = f"/coderuns/{kept}"
    match moment:
        case "before it is asked":
            fault = Fault(method="PATCH", path=asked, before=lambda _: mark(scene, kept, where=where))
        case "while it is asked":
            fault = Fault(method="PATCH", path=asked, after=lambda _: mark(scene, kept, where=where))
        case _:
            fault = Fault(method="GET", path="/coderuns\\?", nth=5, before=lambda _: mark(scene, kept, where=where))
    scene.api.faults.add(fault)
    assert scene.play(workflow) is Exit.DONE
    assert scene.api.faults.applied == 1
    assert scene.runs() == {kept}
    (agent,) = scene.record().agents
    assert (agent.outcome, agent.reason) == (RunOutcome.KEPT, KEEP_REASON)
    run = scene.api.get("coderuns", kept, namespace=AGENTS)
    was_asked = run["metadata"].get("annotations", {}).get("stop") == "please"
    assert was_asked is (moment != "before it is asked"), "a marked run is not asked"


def test_a_mark_that_is_removed_does_not_protect_from_the_next_push(scene: Scene) -> None:
    kept, _ = two_runs(scene)
    mark(scene, kept)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {kept}
    mark(scene, kept, value="false")
    scene.later(5)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert scene.runs() == set()


def test_reconcile_leaves_a_marked_run_alone(scene: Scene) -> None:
    kept, _ = two_runs(scene)
    mark(scene, kept)
    assert scene.play(scene.workflow()) is Exit.DONE
    scene.later(600)
    assert scene.reconcile() == ()
    assert scene.runs() == {kept}


@pytest.mark.parametrize("reason", ["closed", "deleted"])
def test_a_marked_run_is_kept_at_the_end_of_its_branch(scene: Scene, reason: str) -> None:
    kept, _ = two_runs(scene)
    mark(scene, kept)
    scene.github.close(1)
    assert scene.play(scene.ended(reason)) is Exit.DONE
    assert scene.runs() == {kept}


def test_the_mark_is_named_wherever_the_cancellation_is_reported(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, _ = two_runs(scene)
    mark(scene, kept)
    assert scene.attempt(scene.workflow(), pod="one") is Exit.DONE
    measured = scene.measured["one"].values
    assert float(measured[Measure.KEPT_BY_MARK]) == 1
    assert f"kept  coderuns/{kept} of {CLEO}: {KEEP_REASON}" in measured[REPORT]
    (comment,) = scene.github.comments(1)
    assert f"- {kept} of {CLEO}: {KEEP_REASON}" in comment.body.replace("`", "").replace("\\", "")
    lines = [json.loads(line) for line in scene.output.getvalue().splitlines()]
    assert [line["run"] for line in lines if line["event"] == "run kept"] == [kept]
    with serve(scene.api) as url:
        monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "kubeconfig", url)))
        monkeypatch.setattr("pipelines.client.server_time", lambda *_, **__: scene.clock.now())
        assert main(["explain", "7"]) == Exit.DONE
    assert f"was kept ({KEEP_REASON})" in " ".join(capsys.readouterr().out.split())


def test_without_a_mark_none_is_counted(scene: Scene) -> None:
    scene.agent(agent="5DLabs-Rex")
    two_runs(scene)
    assert scene.attempt(scene.workflow(), pod="one") is Exit.DONE
    assert float(scene.measured["one"].values[Measure.KEPT_BY_MARK]) == 0

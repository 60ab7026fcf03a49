"""The two parts of a cancellation: what is in the record, and which clocks count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from steps.cancel import cancel
from steps.core.errors import Exit
from steps.domain.record import LabelOutcome, Phase, Record
from steps.kube.events import EventReason
from steps.telemetry.measurements import REPORT
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene
from tests.support.scenarios import pushed, stale_push


def test_the_record_says_that_the_agents_are_gone_before_a_label_moves(scene: Scene) -> None:
    workflow = stale_push(scene)
    seen: list[Record] = []
    scene.github.before(lambda: seen.append(scene.record()), method="POST", path="/labels$")
    assert scene.attempt(workflow) is Exit.DONE
    (record,) = seen
    assert record.phase is Phase.IN_PROGRESS
    assert record.proven_gone_at is not None
    assert record.started_at <= record.proven_gone_at <= scene.clock.now()


def github_is_ahead(scene: Scene, monkeypatch: pytest.MonkeyPatch, *, by_s: float) -> None:
    """GitHub's clock differs from the API server's: its answers, and its times of pushes."""
    monkeypatch.setattr(scene.github, "_clock", lambda: scene.clock.timestamp() + by_s)


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("ahead_s", [-20.0, 20.0])
def test_the_measured_difference_of_the_clocks_dates_a_push(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, ahead_s: float, *, dry_run: bool
) -> None:
    """Not measured, the stale agent would stay, or the one on the new code would be stopped."""
    github_is_ahead(scene, monkeypatch, by_s=ahead_s)
    stale = scene.agent(name="stale")["metadata"]["name"]
    scene.later(10)
    pushed(scene)
    pushed_at = scene.clock.now() + timedelta(seconds=ahead_s)
    scene.later(5)
    fresh = scene.agent(name="fresh")["metadata"]["name"]
    scene.later(5)
    workflow = scene.workflow(pushed_at=pushed_at, dry_run=dry_run)
    assert scene.step(cancel, workflow, pod="pod") is Exit.DONE
    if dry_run:
        report = scene.measured["pod"].values[REPORT]
        assert f"would be stopped  coderuns/{stale}" in report
        assert f"kept  coderuns/{fresh}" in report
    else:
        assert scene.runs() == {fresh}


def test_a_skip_label_that_is_added_while_agents_end_leaves_an_event_about_them(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.github.before(lambda: scene.github.edit_labels(1, add=["skip-automation"]), method="GET", path="/pulls/1$")
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.record().labels is LabelOutcome.SKIPPED
    (event,) = scene.kubernetes_events(EventReason.COMPLETED)
    assert "stale runs gone: 1" in event["message"]


def test_a_push_whose_agents_all_finished_completes_without_a_stop(scene: Scene) -> None:
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    (event,) = scene.kubernetes_events(EventReason.COMPLETED)
    assert event["message"] == f"push {NEW[:12]} to task-7-work: stale runs gone: 0; labels moved"


def test_a_dry_run_knows_the_commits_that_the_record_replaced(scene: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], sha="metadata.annotations.sha")
    scene.settings = replace(DEFAULTS, agents=(kind,))
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    pushed(scene, NEWER)
    scene.agent(name="on-old", annotations={"sha": OLD})
    scene.later(6)
    assert scene.step(cancel, scene.workflow(sha=NEWER, dry_run=True), pod="dry") is Exit.DONE
    assert any(
        "would be stopped  coderuns/on-old" in line for line in scene.measured["dry"].values[REPORT].splitlines()
    )

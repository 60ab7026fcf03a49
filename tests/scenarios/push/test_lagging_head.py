"""GitHub shows a new head seconds after its webhook (tanium/octobot#75): an old head is not a newer push."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.push import ZERO_SHA
from steps.domain.record import LabelOutcome
from tests.doubles.github import fail as github_fails
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene
from tests.support.scenarios import MOVED

THIRD = "d" * 40


def lags(scene: Scene, sha: str, *, shown: str, for_s: float) -> None:
    """A push. For some seconds the pull request still shows another commit as its head."""
    scene.github.push("task-7-work", sha)
    scene.github.show_head(1, shown)
    due = scene.clock.monotonic() + for_s

    def follow() -> None:
        if scene.clock.monotonic() >= due:
            scene.github.show_head(1, sha)

    scene.clock.every(follow)


@pytest.mark.parametrize("for_s", [4, 9, 3600])
def test_the_labels_are_moved_by_the_pushs_own_workflow(scene: Scene, for_s: float) -> None:
    scene.agent()
    scene.later(5)
    lags(scene, NEW, shown=OLD, for_s=for_s)
    workflow = scene.workflow()
    scene.later(2)
    assert scene.play(workflow) is Exit.DONE
    assert scene.record().labels is LabelOutcome.MOVED
    assert set(scene.github.labels(1)) == MOVED


def test_an_agent_that_names_the_old_commit_is_still_stopped(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    scene.agent(name="old", annotations={"sha": OLD})
    scene.agent(name="abbreviated", annotations={"sha": OLD[:7]})
    scene.later(5)
    lags(scene, NEW, shown=OLD, for_s=4)
    workflow = scene.workflow()
    scene.agent(name="on-the-head", annotations={"sha": NEW[:12]})
    scene.agent(name="started-late-on-the-old-commit", annotations={"sha": OLD})
    scene.later(2)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {"on-the-head"}


def test_a_head_that_is_two_pushes_old_is_known_from_the_record(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow(sha=NEW)) is Exit.DONE
    scene.later(60)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    scene.github.edit_labels(1, add=["ready-for-qa"], remove=["remediation-in-progress"])
    scene.later(60)
    lags(scene, THIRD, shown=NEW, for_s=4)
    assert scene.play(scene.workflow(sha=THIRD)) is Exit.DONE
    assert scene.record().labels is LabelOutcome.MOVED


def test_a_head_that_is_really_newer_gets_its_labels_from_its_own_push(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow(sha=NEW)
    scene.github.before(lambda: scene.github.push("task-7-work", NEWER), method="GET", path="/pulls/1$")
    assert scene.play(workflow) is Exit.DONE
    record = scene.record()
    assert (record.labels, record.left_to) == (LabelOutcome.HEAD_MOVED, NEWER)
    assert "remediation-in-progress" not in scene.github.labels(1)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED


def test_a_skip_label_that_is_set_while_agents_are_stopped_keeps_the_labels(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow(sha=NEW)
    before = set(scene.github.labels(1))
    scene.github.before(lambda: scene.github.edit_labels(1, add=["skip-automation"]), method="GET", path="/pulls/1$")
    assert scene.play(workflow) is Exit.DONE
    assert set(scene.github.labels(1)) == before | {"skip-automation"}
    assert scene.record().labels is LabelOutcome.SKIPPED
    assert scene.runs() == set()


def test_a_head_is_read_again_if_nobody_knows_which_commit_the_push_replaced(scene: Scene) -> None:
    """A laptop's `submit` does not name it."""
    scene.agent()
    scene.later(5)
    lags(scene, NEW, shown=OLD, for_s=1)
    assert scene.play(scene.workflow(before=ZERO_SHA)) is Exit.DONE
    record = scene.record()
    assert (record.labels, record.left_to) == (LabelOutcome.MOVED, "")
    assert record.pull_request is not None
    assert record.pull_request.head_sha == NEW
    assert set(scene.github.labels(1)) == MOVED


@pytest.mark.parametrize(("for_s", "at_least_s", "at_most_s"), [(0, 0, 2), (6, 5, 8), (3600, 10, 13)])
def test_a_head_that_is_known_to_be_older_is_waited_for_and_not_longer_than_ten_seconds(
    scene: Scene, for_s: float, at_least_s: float, at_most_s: float
) -> None:
    workflow = scene.workflow()
    lags(scene, NEW, shown=OLD if for_s else NEW, for_s=for_s)
    began = scene.clock.monotonic()
    assert scene.play(workflow) is Exit.DONE
    assert at_least_s <= scene.clock.monotonic() - began <= at_most_s
    assert scene.record().labels is LabelOutcome.MOVED
    assert not [line for line in scene.events() if line["event"].startswith("pull request head moved")]


@pytest.mark.parametrize(("before", "at_least_s", "at_most_s"), [(ZERO_SHA, 3, 6), (OLD, 0, 2)])
def test_a_head_that_may_be_newer_is_waited_for_only_if_the_push_names_no_commit_that_it_replaced(
    scene: Scene, before: str, at_least_s: float, at_most_s: float
) -> None:
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow(before=before)
    scene.later(1)
    scene.github.push("task-7-work", NEWER)
    began = scene.clock.monotonic()
    assert scene.attempt(workflow) is Exit.DONE
    assert at_least_s <= scene.clock.monotonic() - began <= at_most_s
    assert (scene.record().labels, scene.record().left_to) == (LabelOutcome.HEAD_MOVED, NEWER)


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "no access to contents"])
@pytest.mark.parametrize("waiting", [True, False], ids=["all wait", "the others are lost"])
def test_in_a_burst_a_waiting_push_that_github_still_shows_does_not_replace_the_newest(
    scene: Scene, *, listed: bool, waiting: bool
) -> None:
    """Three pushes within seconds. The Workflow of the last one begins first, and GitHub still shows the first one."""
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    times = []
    for sha in (NEW, NEWER):
        scene.github.push("task-7-work", sha)
        times.append(scene.clock.now())
        scene.later(1)
    lags(scene, THIRD, shown=NEW, for_s=3)
    times.append(scene.clock.now())
    pushes = list(zip((OLD, NEW, NEWER), (NEW, NEWER, THIRD), times, strict=True))
    first, second, last = (
        scene.workflow(sha=sha, before=before, pushed_at=at) if waiting or sha == THIRD else None
        for before, sha, at in pushes
    )
    fresh = scene.agent(annotations={"sha": THIRD})["metadata"]["name"]
    if not listed:
        scene.github.fault(github_fails(403), path="/activity", times=1e9)
    for each in filter(None, (last, first, second)):
        assert scene.play(each) is Exit.DONE
    assert fresh in scene.runs()
    if waiting or listed:
        assert (scene.record().push.sha, scene.record().labels) == (THIRD, LabelOutcome.MOVED)


@pytest.mark.parametrize("for_s", [1, 30], ids=["for a moment", "for half a minute"])
def test_an_old_head_that_nobody_recorded_is_not_a_newer_push(scene: Scene, for_s: float) -> None:
    """A person opened the pull request. Then two pushes came within a second, and GitHub still shows the person's."""
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    scene.reconcile_settings = replace(scene.reconcile_settings, agents=scene.settings.agents)
    stale = scene.agent(annotations={"sha": OLD})["metadata"]["name"]
    scene.later(30)
    scene.github.push("task-7-work", NEW)
    scene.later(1)
    lags(scene, NEWER, shown=OLD, for_s=for_s)
    assert scene.play(scene.workflow(sha=NEWER, before=NEW)) is Exit.DONE
    fresh = scene.agent(annotations={"sha": NEWER})["metadata"]["name"]
    for _ in range(10):
        scene.later(60)
        scene.reconcile()
        scene.run_repairs()
    assert stale not in scene.runs()
    assert fresh in scene.runs()
    assert (scene.record().push.sha, set(scene.github.labels(1))) == (NEWER, MOVED)


def test_labels_that_were_left_to_an_old_head_are_moved_by_the_recorded_push(scene: Scene) -> None:
    """The list of pushes could not be read at first."""
    scene.agent()
    scene.later(90)
    scene.github.push("task-7-work", NEW)
    scene.later(1)
    lags(scene, NEWER, shown=OLD, for_s=60)
    scene.github.fault(github_fails(403), path="/activity", times=2)
    assert scene.play(scene.workflow(sha=NEWER, before=NEW)) is Exit.DONE
    assert scene.record().left_to == OLD
    for _ in range(10):
        scene.later(60)
        scene.reconcile()
        scene.run_repairs()
    assert (scene.record().push.sha, set(scene.github.labels(1))) == (NEWER, MOVED)

"""Labels that stayed, as there was no pull request, or several, or a skip label, are moved once that has changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction
from tests.doubles.github import fail as github_fails
from tests.doubles.github.faults import Plan
from tests.support.harness import DEFAULTS, NEW, NEWER, REPOSITORY, Scene
from tests.support.scenarios import MOVED, found, stale_push

DUE = [(FindingKind.HALF_MOVED, RepairAction.SUBMIT)]


def opened(scene: Scene, *labels: str, head: str = NEW, branch: str = "task-7-work") -> int:
    """A person or an agent opens a pull request. Returns its number."""
    pull = scene.github.add_pull_request(head=branch, sha=head, labels=["ready-for-qa", "team-a", *labels])
    return pull.number


def pushed_without_pull_request(scene: Scene) -> None:
    scene.github.close(1)
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert (scene.record().labels, scene.runs()) == (LabelOutcome.NO_PULL_REQUEST, set())


def finish(scene: Scene) -> None:
    assert found(scene.reconcile()) == DUE
    assert scene.run_repairs() == [Exit.DONE]
    assert found(scene.reconcile()) == []


def test_a_pull_request_that_is_opened_after_its_push_gets_its_labels(scene: Scene) -> None:
    pushed_without_pull_request(scene)
    assert found(scene.reconcile()) == []
    scene.later(60)
    newer = scene.agent()["metadata"]["name"]
    number = opened(scene, "task-7")
    finish(scene)
    assert set(scene.github.labels(number)) == MOVED
    assert (scene.record().labels, scene.record().attempts) == (LabelOutcome.MOVED, 2)
    assert scene.runs() == {newer}, "an agent on the new code goes on"


def test_the_same_push_again_moves_the_labels_too(scene: Scene) -> None:
    pushed_without_pull_request(scene)
    number = opened(scene)
    assert scene.play(scene.workflow(pushed_at=scene.record().push.pushed_at)) is Exit.DONE
    assert "remediation-in-progress" in scene.github.labels(number)


def test_a_skip_label_on_a_pull_request_that_is_opened_later_is_respected(scene: Scene) -> None:
    pushed_without_pull_request(scene)
    number = opened(scene, "skip-automation")
    before = scene.github.labels(number)
    for _ in range(5):
        scene.later(60)
        assert found(scene.reconcile()) == []
    assert scene.github.labels(number) == before
    scene.github.edit_labels(number, remove=["skip-automation"])
    finish(scene)
    assert set(scene.github.labels(number)) == {"remediation-in-progress", "team-a"}


def test_a_push_is_processed_once_its_skip_label_is_removed(scene: Scene) -> None:
    scene.github.edit_labels(1, add=["skip-automation"])
    assert scene.play(stale_push(scene)) is Exit.DONE
    (stale,) = scene.runs()
    scene.later(600)
    newer = scene.agent()["metadata"]["name"]
    assert found(scene.reconcile()) == []
    assert scene.runs() == {stale, newer}
    scene.github.edit_labels(1, remove=["skip-automation"])
    finish(scene)
    assert scene.runs() == {newer}
    assert set(scene.github.labels(1)) == MOVED


@pytest.mark.parametrize("how", ["labelled", "closed"])
def test_several_pull_requests_become_one_later(scene: Scene, how: str) -> None:
    workflow = stale_push(scene)
    scene.github.edit_labels(1, remove=["task-7"])
    other = scene.github.add_pull_request(head="task-7-work", sha=NEW, labels=["ready-for-qa", "team-a"]).number
    assert scene.play(workflow) is Exit.DONE
    assert scene.record().labels is LabelOutcome.AMBIGUOUS
    scene.later(60)
    assert found(scene.reconcile()) == []
    if how == "labelled":
        scene.github.edit_labels(other, add=["task-7"])
    else:
        scene.github.close(1)
    finish(scene)
    assert "remediation-in-progress" in scene.github.labels(other)
    assert "ready-for-qa" in scene.github.labels(1)


def test_a_pull_request_with_a_newer_head_is_left_to_its_push(scene: Scene) -> None:
    pushed_without_pull_request(scene)
    scene.github.push("task-7-work", NEWER, actor="a-person")
    number = opened(scene, head=NEWER)
    assert found(scene.reconcile()) == DUE
    assert scene.run_repairs() == [Exit.DONE]
    assert (scene.record().labels, scene.record().left_to) == (LabelOutcome.HEAD_MOVED, NEWER)
    scene.later(DEFAULTS.reconcile.lost_after_s + 1)  # ages are in whole seconds
    finish(scene)
    assert scene.record().push.sha == NEWER
    assert "remediation-in-progress" in scene.github.labels(number)


@pytest.mark.parametrize("why", ["of another branch", "from a fork", "a day later", "not to be looked for"])
def test_a_pull_request_that_does_not_count_changes_nothing(scene: Scene, why: str) -> None:
    pushed_without_pull_request(scene)
    if why == "a day later":
        scene.clock.jump(DEFAULTS.reconcile.late_labels_s)
    if why == "not to be looked for":
        scene.reconcile_settings = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, late_labels_s=0))
    if why == "from a fork":
        scene.github.add_repository("alice/cto", fork=True)
        scene.github.add_pull_request(
            head="task-7-work", sha=NEW, repository=REPOSITORY, head_repository="alice/cto", labels=["ready-for-qa"]
        )
    else:
        opened(scene, branch="task-70-work" if why == "of another branch" else "task-7-work")
    scene.later(60)
    assert found(scene.reconcile()) == []


def test_a_pass_asks_once_for_all_tasks_of_a_repository_and_not_at_all_without_one(scene: Scene) -> None:
    for task in (7, 8, 9):
        branch = f"task-{task}-work"
        scene.github.push(branch, NEW)
        if task == 7:
            scene.github.close(1)
        assert scene.play(scene.workflow(task=task)) is Exit.DONE
    scene.github.calls.clear()
    assert found(scene.reconcile()) == []
    assert [call.path for call in scene.github.calls] == [f"/repos/{REPOSITORY}/pulls"]
    for task in (7, 8, 9):
        opened(scene, branch=f"task-{task}-work")
    assert found(scene.reconcile()) == DUE * 3
    assert scene.run_repairs() == [Exit.DONE] * 3
    scene.github.calls.clear()
    assert found(scene.reconcile()) == []
    assert scene.github.calls == []


def test_a_github_that_fails_is_reported_and_asked_again(scene: Scene) -> None:
    pushed_without_pull_request(scene)
    opened(scene)
    scene.github.fault(github_fails(503), times=100)
    assert found(scene.reconcile()) == []
    assert scene.events()[-1]["event"] == "pass done"
    assert any("could not be read" in event["event"] for event in scene.events() if "event" in event)
    scene.github.plan = Plan()
    scene.later(DEFAULTS.breaker.open_s + 1)
    finish(scene)


def test_labels_are_moved_although_a_hundred_closed_pull_requests_changed_since(scene: Scene) -> None:
    """A bot comments on closed pull requests, or locks them."""
    scene.github.edit_labels(1, add=["skip-automation"])
    assert scene.play(stale_push(scene)) is Exit.DONE
    scene.later(60)
    scene.github.edit_labels(1, remove=["skip-automation"])
    scene.later(1)
    for number in range(100):
        scene.github.add_pull_request(head=f"other-{number}", sha=NEWER, number=100 + number, state="closed")
    scene.later(60)
    finish(scene)
    assert "remediation-in-progress" in scene.github.labels(1)


@pytest.mark.parametrize("how", ["merged", "closed"])
def test_a_pull_request_that_is_closed_while_agents_end_leaves_its_labels_to_the_next_one(
    scene: Scene, how: str
) -> None:
    workflow = stale_push(scene)
    before = scene.github.labels(1)
    scene.github.before(lambda: scene.github.close(1, merged=how == "merged"), method="GET", path="/pulls/1$")
    assert scene.play(workflow) is Exit.DONE
    assert (scene.record().labels, scene.runs()) == (LabelOutcome.NO_PULL_REQUEST, set())
    assert scene.github.labels(1) == before
    number = opened(scene, "task-7")
    finish(scene)
    assert set(scene.github.labels(number)) == MOVED

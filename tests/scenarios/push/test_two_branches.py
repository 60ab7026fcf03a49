"""Two branches of one task, each with its own pull request: neither supersedes the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome, Phase
from tests.doubles.github import fail as github_fails
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, Workflow
from tests.support.scenarios import HOME, MOVED, UNTOUCHED, found, without_help

FIRST, SECOND = "task-7-work", "task-7-other"
B1, B2 = "1" * 40, "2" * 40


@pytest.fixture
def both(scene: Scene) -> Scene:
    """A task with a second branch and pull request, number 2, and an agent at work."""
    scene.github.add_pull_request(head=SECOND, sha=OLD, labels=["ready-for-qa"])
    scene.agent()
    scene.later(6)
    return scene


def push(scene: Scene, branch: str, sha: str) -> Workflow:
    """A push to a branch, and its Workflow."""
    scene.github.push(branch, sha)
    workflow = scene.workflow(sha=sha, branch=branch)
    scene.later(2)
    return workflow


def labels(scene: Scene, number: int) -> set[str]:
    """The labels that the steps may move."""
    return set(scene.github.labels(number)) & {"ready-for-qa", "remediation-in-progress"}


def phase(scene: Scene, workflow: Workflow) -> str:
    """Argo's phase of a Workflow."""
    return str(scene.api.get("workflows", workflow.name, namespace=HOME)["status"]["phase"])


DONE, LEFT = {"remediation-in-progress"}, {"ready-for-qa"}


def test_each_branch_gets_its_labels_in_any_order_of_pushes(both: Scene) -> None:
    for branch, sha in ((FIRST, NEW), (SECOND, B1), (SECOND, B2), (FIRST, NEWER)):
        assert both.play(push(both, branch, sha)) is Exit.DONE
        assert both.record().push.sha == sha
        assert both.record().labels is LabelOutcome.MOVED
    assert (labels(both, 1), labels(both, 2)) == (DONE, DONE)


def test_a_push_of_the_other_branch_that_comes_late_is_processed(both: Scene) -> None:
    """GitHub received it first, so by its time it is older than the record."""
    without_help(both)
    late = push(both, SECOND, B1)
    assert both.play(push(both, FIRST, NEW)) is Exit.DONE
    assert phase(both, late) == "Pending", "it is not superseded"
    assert both.play(late) is Exit.DONE
    assert (labels(both, 1), labels(both, 2)) == (DONE, DONE)


def test_the_same_push_again_is_superseded_on_each_branch(both: Scene) -> None:
    first, second = push(both, FIRST, NEW), push(both, SECOND, B1)
    for workflow in (first, second):
        assert both.play(workflow) is Exit.DONE
    record = both.record()
    for branch, sha, at in ((FIRST, NEW, first), (SECOND, B1, second)):
        again = both.workflow(sha=sha, branch=branch, pushed_at=at.push.pushed_at)
        assert both.play(again) is Exit.DONE
        assert both.record() == record


def test_an_interrupted_push_of_the_other_branch_is_finished_first(both: Scene) -> None:
    first = push(both, FIRST, NEW)
    both.begin(first, pod="crashed")
    both.end_pod("crashed", phase="Failed")
    without_help(both)
    assert both.play(push(both, SECOND, B1)) is Exit.DONE
    assert (labels(both, 1), labels(both, 2)) == (DONE, DONE)
    record = both.record()
    assert (record.push.sha, record.phase) == (B1, Phase.COMPLETED)
    assert [each.push.sha for each in record.branches] == [NEW]
    assert both.runs() == set()


def test_a_run_on_the_head_of_the_other_branch_is_kept(both: Scene) -> None:
    both.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    assert both.play(push(both, FIRST, NEW)) is Exit.DONE
    on_head = both.agent(annotations={"sha": NEW})["metadata"]["name"]
    both.later(6)
    assert both.play(push(both, SECOND, B1)) is Exit.DONE
    assert both.runs() == {on_head}


def test_a_skip_label_on_either_pull_request_stops_the_task(both: Scene) -> None:
    assert both.play(push(both, FIRST, NEW)) is Exit.DONE
    run = both.agent()["metadata"]["name"]
    both.later(6)
    both.github.edit_labels(1, add=["skip-automation"])
    assert both.play(push(both, SECOND, B1)) is Exit.DONE
    assert both.runs() == {run}
    assert both.record().labels is LabelOutcome.SKIPPED
    assert labels(both, 2) == LEFT


def test_labels_that_github_could_not_move_are_repaired_after_a_push_to_the_other_branch(both: Scene) -> None:
    both.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    both.github.fault(github_fails(502), method="GET", path="/pulls$", times=20)
    assert both.play(push(both, FIRST, NEW)) is Exit.DONE
    assert both.record().labels is LabelOutcome.UNREADABLE
    both.github.plan.clear()
    both.later(120)
    assert both.play(push(both, SECOND, B1)) is Exit.DONE
    both.later(120)
    assert found(both.reconcile()) != []
    assert both.run_repairs() == [Exit.DONE]
    assert (labels(both, 1), labels(both, 2)) == (DONE, DONE)
    both.later(120)
    assert found(both.reconcile()) == []


def test_a_waiting_push_of_the_other_branch_is_helped(both: Scene) -> None:
    first, second = push(both, FIRST, NEW), push(both, SECOND, B1)
    assert both.attempt(first, pod="helper") is Exit.DONE
    assert (labels(both, 1), labels(both, 2)) == (DONE, DONE)
    assert both.record().workflow == second.name
    assert both.record().helper == first.name
    assert set(both.github.labels(1)) == MOVED != UNTOUCHED
    assert both.api.get("workflows", second.name, namespace=HOME)["status"].get("phase") != "Failed"


def test_a_push_of_the_same_commit_to_the_other_branch_does_not_stand_for_it(both: Scene) -> None:
    """Both branches are at one commit, and the webhook of one of them is lost."""
    without_help(both)
    both.begin(push(both, SECOND, B1), pod="crashed")
    both.end_pod("crashed", phase="Failed")
    both.github.push(SECOND, NEW)
    assert both.play(push(both, FIRST, NEW)) is Exit.DONE
    (other,) = both.record().branches
    assert (other.push.sha, other.labels, other.left_to) == (B1, LabelOutcome.HEAD_MOVED, NEW)
    assert (labels(both, 1), labels(both, 2)) == (DONE, LEFT)
    both.later(DEFAULTS.reconcile.lost_after_s + 1)
    assert len(found(both.reconcile())) == 1
    assert both.run_repairs() == [Exit.DONE]
    assert (labels(both, 1), labels(both, 2)) == (DONE, DONE)


@pytest.mark.parametrize("others", [0, 101], ids=["alone", "after a hundred other pull requests changed"])
def test_a_skip_label_of_the_other_branch_is_seen_in_a_busy_repository(both: Scene, others: int) -> None:
    assert both.play(push(both, SECOND, B1)) is Exit.DONE
    both.github.edit_labels(2, add=["skip-automation"])
    both.later(60)
    for number in range(others):
        both.github.add_pull_request(head=f"other-{number}", sha=B2, number=100 + number)
    name = both.agent()["metadata"]["name"]
    both.later(60)
    assert both.play(push(both, FIRST, NEW)) is Exit.DONE
    assert (both.runs(), both.record().labels) == ({name}, LabelOutcome.SKIPPED)


@pytest.mark.parametrize("reason", ["closed", "deleted"])
def test_a_skip_label_of_the_other_branch_keeps_the_agents_at_the_end_of_one(both: Scene, reason: str) -> None:
    assert both.play(push(both, SECOND, B1)) is Exit.DONE
    both.github.edit_labels(2, add=["skip-automation"])
    both.later(60)
    name = both.agent()["metadata"]["name"]
    both.later(60)
    both.github.close(1)
    if reason == "deleted":
        both.github.push(FIRST, "0" * 40, actor="octocat")
    assert both.play(both.ended(reason, before=OLD)) is Exit.DONE
    assert (both.runs(), both.record().labels) == ({name}, LabelOutcome.SKIPPED)

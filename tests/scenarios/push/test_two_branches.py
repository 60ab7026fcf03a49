"""Two branches of one task, each with its own pull request: neither supersedes the other."""

from __future__ import annotations

from collections.abc import Callable
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


def end(scene: Scene, reason: str, *, number: int, branch: str) -> Workflow:
    """A person closes a pull request, or deletes its branch, which closes it too; and its Workflow."""
    head = scene.github.pull_request(number).head_sha
    scene.github.close(number)
    if reason == "deleted":
        scene.github.push(branch, "0" * 40, actor="octocat")
    return scene.ended(reason, before=head, branch=branch)


def by_agent(scene: Scene) -> None:
    """An agent pushed to the second branch."""
    assert scene.play(push(scene, SECOND, B1)) is Exit.DONE


def by_person(scene: Scene) -> None:
    """A person pushed to the second branch, so that the record does not have it."""
    scene.github.push(SECOND, B1, actor="octocat")


ENDS = pytest.mark.parametrize("reason", ["closed", "deleted"])
PUSHED = pytest.mark.parametrize("pushed", [by_agent, by_person])


@ENDS
@PUSHED
def test_the_end_of_one_branch_keeps_an_agent_that_may_work_for_the_other(
    both: Scene, reason: str, pushed: Callable[[Scene], None]
) -> None:
    """A second attempt replaces the first one, whose pull request is closed. Runs of this kind do not name a branch."""
    pushed(both)
    both.later(60)
    name = both.agent()["metadata"]["name"]
    both.later(60)
    runs = both.runs()
    assert both.play(end(both, reason, number=1, branch=FIRST)) is Exit.DONE
    assert both.runs() == runs
    record = both.record()
    assert (record.labels, record.phase) == (LabelOutcome.CLOSED, Phase.COMPLETED)
    assert {each.reason for each in record.agents} == {"may work for another open pull request of the task"}
    assert name in {each.name for each in record.agents}
    both.later(DEFAULTS.reconcile.lost_after_s + 1)
    assert found(both.reconcile()) == []


@ENDS
@PUSHED
def test_the_end_of_the_last_branch_stops_the_agents(both: Scene, reason: str, pushed: Callable[[Scene], None]) -> None:
    pushed(both)
    both.later(60)
    both.agent()
    both.later(60)
    for number, branch in ((1, FIRST), (2, SECOND)):
        assert both.play(end(both, reason, number=number, branch=branch)) is Exit.DONE
    assert both.runs() == set()


def test_both_branches_end_at_once_and_github_shows_either_as_open_for_some_seconds(both: Scene) -> None:
    without_help(both)
    by_agent(both)
    both.later(60)
    both.agent()
    both.later(60)
    ends = [both.ended(before=sha, branch=branch) for sha, branch in ((OLD, FIRST), (B1, SECOND))]
    both.github.close(1)
    assert both.play(ends[0]) is Exit.DONE
    assert len(both.runs()) == 1, "the second one is still open"
    both.github.reopen(1)
    shown = both.github.pull_request(1)
    both.github.repository().pulls[1] = replace(shown, updated_at=ends[0].push.pushed_at.timestamp())
    both.github.close(2)
    assert both.play(ends[1]) is Exit.DONE
    assert both.runs() == set()


def test_the_end_of_a_branch_stops_the_runs_that_name_it_or_one_of_its_commits(both: Scene) -> None:
    kind = replace(DEFAULTS.agents[0], sha="metadata.annotations.sha", branch="metadata.annotations.branch")
    both.settings = replace(DEFAULTS, agents=(kind,))
    for branch, sha in ((FIRST, NEW), (SECOND, B1), (FIRST, NEWER)):
        assert both.play(push(both, branch, sha)) is Exit.DONE
    both.later(60)
    for names in ({"branch": FIRST}, {"sha": NEW}, {"sha": NEWER[:10]}):
        both.agent(annotations=names)
    kept = {
        both.agent(annotations=names)["metadata"]["name"] for names in ({"branch": SECOND}, {"sha": B1}, {"sha": B2})
    }
    both.later(60)
    assert both.play(end(both, "closed", number=1, branch=FIRST)) is Exit.DONE
    assert both.runs() == kept


def test_a_run_on_the_head_of_another_open_pull_request_is_kept_although_the_ended_branch_had_it_too(
    both: Scene,
) -> None:
    """The second branch began at the last commit of the first one, and a person pushed it."""
    both.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    assert both.play(push(both, FIRST, NEW)) is Exit.DONE
    both.github.push(SECOND, NEW, actor="octocat")
    on_head = both.agent(annotations={"sha": NEW})["metadata"]["name"]
    both.later(60)
    assert both.play(end(both, "closed", number=1, branch=FIRST)) is Exit.DONE
    assert both.runs() == {on_head}


def test_an_open_pull_request_of_another_task_keeps_nothing(both: Scene) -> None:
    both.github.add_pull_request(head="task-8-work", sha=B2)
    both.github.close(2)
    both.later(60)
    assert both.play(end(both, "closed", number=1, branch=FIRST)) is Exit.DONE
    assert both.runs() == set()


def test_reconcile_stops_the_agents_once_the_other_branch_has_ended_without_a_webhook(both: Scene) -> None:
    by_agent(both)
    both.later(60)
    both.agent()
    both.later(60)
    assert both.play(end(both, "closed", number=1, branch=FIRST)) is Exit.DONE
    assert len(both.runs()) == 1
    both.github.close(2)
    both.later(DEFAULTS.reconcile.lost_after_s + 1)
    assert len(found(both.reconcile())) == 1
    assert both.run_repairs() == [Exit.DONE]
    assert both.runs() == set()


def test_a_skip_label_on_a_pull_request_that_no_push_of_an_agent_made_keeps_the_agents_too(both: Scene) -> None:
    by_person(both)
    both.github.edit_labels(2, add=["skip-automation"])
    both.later(60)
    assert both.play(end(both, "closed", number=1, branch=FIRST)) is Exit.DONE
    assert (len(both.runs()), both.record().labels) == (1, LabelOutcome.SKIPPED)

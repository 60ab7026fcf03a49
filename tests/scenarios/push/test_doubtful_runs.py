"""Runs that look stale and may work on the new code: GitHub's list of pushes decides before they are stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome
from tests.doubles.github import fail as github_fails
from tests.support.harness import DEFAULTS, NEW, OLD, Scene, Workflow
from tests.support.scenarios import activity_requests

BRANCH = "task-7-work"


def late_payload(scene: Scene, *, seconds: float) -> Workflow:
    """A push. GitHub builds its webhook later, after a push to another branch, and puts that time into it."""
    scene.github.push(BRANCH, NEW)
    scene.later(seconds)
    scene.github.push("unrelated", "e" * 40, actor="octocat")
    pushed_at = scene.clock.now()
    scene.later(1)
    return scene.workflow(sha=NEW, before=OLD, pushed_at=pushed_at)


@pytest.mark.parametrize("late_s", [5, 20, 50])
def test_a_late_payload_stops_no_run_that_began_after_the_push(scene: Scene, late_s: int) -> None:
    stale = scene.agent()["metadata"]["name"]
    scene.later(30)
    names: list[str] = []

    def look() -> None:
        if not names and scene.github.repository().branches.get(BRANCH) == NEW:
            begin(scene, names)

    scene.clock.every(look)
    workflow = late_payload(scene, seconds=late_s)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == set(names)
    assert stale not in names
    assert scene.record().push.pushed_at == workflow.push.pushed_at - timedelta(seconds=late_s)
    assert scene.record().labels is LabelOutcome.MOVED


def begin(scene: Scene, names: list[str]) -> None:
    """Start an agent three seconds after the push."""
    (pushed,) = (each.at for each in scene.github.repository().activities if each.ref.endswith(BRANCH))
    if scene.clock.timestamp() >= pushed + 3:
        names.append(scene.agent()["metadata"]["name"])


def test_a_run_that_began_minutes_before_the_push_is_not_in_doubt(scene: Scene) -> None:
    scene.agent()
    scene.later(90)
    scene.github.push(BRANCH, NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert (scene.runs(), activity_requests(scene)) == (set(), 0)


def test_a_run_that_began_just_before_the_push_costs_one_request_and_is_stopped(scene: Scene) -> None:
    scene.agent()
    scene.later(20)
    scene.github.push(BRANCH, NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert (scene.runs(), activity_requests(scene)) == (set(), 1)


@pytest.mark.parametrize("status", [403, 404])
def test_if_the_list_cannot_be_read_the_time_of_the_webhook_counts(scene: Scene, status: int) -> None:
    scene.agent()
    scene.later(20)
    scene.github.push(BRANCH, NEW)
    scene.github.fault(github_fails(status), path="/activity", times=1e9)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert (scene.runs(), scene.record().labels) == (set(), LabelOutcome.MOVED)


@pytest.mark.parametrize(("unreadable", "stopped"), [("wait", False), ("cancel", True)])
def test_if_github_does_not_answer_about_the_pushes_the_setting_decides(
    scene: Scene, unreadable: Literal["wait", "cancel"], *, stopped: bool
) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable=unreadable))
    name = scene.agent()["metadata"]["name"]
    scene.later(20)
    scene.github.push(BRANCH, NEW)
    scene.github.fault(github_fails(502), path="/activity", times=99)
    # The failed requests open the circuit breaker, so the labels move in a later attempt.
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert scene.runs() == (set() if stopped else {name})


@pytest.mark.parametrize("pulls", [0, 2], ids=["no pull request", "two pull requests"])
def test_a_branch_that_was_forced_back_keeps_the_run_on_its_head_without_one_pull_request(
    scene: Scene, pulls: int
) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    scene.github.edit_labels(1, remove=["task-7"])
    if pulls:
        scene.github.add_pull_request(head=BRANCH, sha=OLD, base="release")
    else:
        scene.github.close(1)
    stale = scene.agent(annotations={"sha": OLD})["metadata"]["name"]
    scene.later(60)
    scene.github.push(BRANCH, NEW)
    there = scene.workflow(sha=NEW, before=OLD)
    scene.later(30)
    scene.github.push(BRANCH, OLD, forced=True)
    back = scene.workflow(sha=OLD, before=NEW)
    scene.later(5)
    fresh = scene.agent(annotations={"sha": OLD})["metadata"]["name"]
    scene.later(5)
    for workflow in (there, back):
        assert scene.play(workflow) is Exit.DONE
        assert fresh in scene.runs()
    assert scene.record().push.sha == OLD
    assert stale in scene.runs(), "it works on the head again"


def test_a_run_that_begins_late_on_the_replaced_commit_is_stopped_without_a_pull_request(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    scene.github.close(1)
    scene.github.push(BRANCH, NEW)
    workflow = scene.workflow(sha=NEW, before=OLD)
    scene.later(5)
    scene.agent(annotations={"sha": OLD})
    assert scene.play(workflow) is Exit.DONE
    assert (scene.runs(), activity_requests(scene)) == (set(), 1)

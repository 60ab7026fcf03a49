"""A commit that was replaced comes back, past a push that nobody recorded: GitHub's list decides the order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from steps.core.errors import Exit
from steps.domain.push import COMMAND_REASON, MANUAL_ALL_REASON, MANUAL_REASON, ZERO_SHA
from steps.domain.record import LabelOutcome
from tests.doubles.github import fail as github_fails
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, Workflow
from tests.support.scenarios import MOVED

BRANCH = "task-7-work"
FOURTH = "d" * 40
PERSON = "octocat"


@pytest.fixture(params=[False, True], ids=["runs by age", "runs by commit"])
def scene(scene: Scene, request: pytest.FixtureRequest) -> Scene:
    """A scene whose runs name their commit, or do not."""
    if request.param:
        scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
        scene.reconcile_settings = replace(scene.reconcile_settings, agents=scene.settings.agents)
    return scene


def agent_on(scene: Scene, sha: str) -> str:
    """An agent that the platform starts now, on a commit."""
    return str(scene.agent(annotations={"sha": sha})["metadata"]["name"])


def ready_again(scene: Scene) -> None:
    """The agent that repaired the code sets the label back."""
    scene.github.edit_labels(1, add=["ready-for-qa"], remove=["remediation-in-progress"])


def recorded_push(scene: Scene) -> None:
    """A push from OLD to NEW that is finished, and whose labels were set back."""
    scene.github.push(BRANCH, NEW)
    assert scene.play(scene.workflow(sha=NEW, before=OLD)) is Exit.DONE
    ready_again(scene)
    scene.later(20)


def forced_back(scene: Scene) -> tuple[str, Workflow]:
    """NEWER is pushed by a person, an agent starts on it, and the branch is forced back to OLD."""
    recorded_push(scene)
    scene.github.push(BRANCH, NEWER, actor=PERSON)
    scene.later(60)
    stale = agent_on(scene, NEWER)
    scene.later(20)
    scene.github.push(BRANCH, OLD, forced=True)
    return stale, scene.workflow(sha=OLD, before=NEWER)


def test_a_branch_that_is_forced_back_past_an_unseen_push_gets_its_labels(scene: Scene) -> None:
    stale, workflow = forced_back(scene)
    assert scene.play(workflow) is Exit.DONE
    assert stale not in scene.runs()
    assert (scene.record().push.sha, set(scene.github.labels(1))) == (OLD, MOVED)


def test_reconcile_finds_a_branch_that_was_forced_back_past_an_unseen_push(scene: Scene) -> None:
    stale, workflow = forced_back(scene)
    scene.api.delete("workflows", workflow.name, namespace=DEFAULTS.namespaces.workflows)
    for _ in range(5):
        scene.later(60)
        scene.reconcile()
        scene.run_repairs()
    assert stale not in scene.runs()
    assert (scene.record().push.sha, set(scene.github.labels(1))) == (OLD, MOVED)


@pytest.mark.parametrize("reason", [MANUAL_REASON, MANUAL_ALL_REASON, COMMAND_REASON])
def test_a_person_can_ask_for_it(scene: Scene, reason: str) -> None:
    stale, _ = forced_back(scene)
    scene.later(60)
    assert scene.play(scene.workflow(sha=OLD, before=ZERO_SHA, reason=reason)) is Exit.DONE
    assert stale not in scene.runs()
    assert (scene.record().push.sha, scene.record().labels) == (OLD, LabelOutcome.MOVED)


def test_the_pushes_in_between_come_late_and_stop_no_agent_on_the_head(scene: Scene) -> None:
    times = {}
    history = ((OLD, NEW), (NEW, NEWER), (NEWER, OLD))
    for push in history:
        scene.github.push(BRANCH, push[1], forced=True)
        times[push] = scene.clock.now()
        scene.later(60)

    def play(push: tuple[str, str]) -> Exit:
        return scene.play(scene.workflow(before=push[0], sha=push[1], pushed_at=times[push]))

    there, between, back = history
    assert play(there) is Exit.DONE
    assert play(back) is Exit.DONE
    fresh = agent_on(scene, OLD)
    scene.later(60)
    for late in (between, there):
        assert play(late) is Exit.DONE
        assert (scene.record().push.sha, scene.runs()) == (OLD, {fresh})


def test_a_late_push_to_a_commit_that_was_replaced_stops_no_agent_on_the_restored_head(scene: Scene) -> None:
    """Nobody recorded the push from NEW to NEWER. The push back to OLD replaced NEWER, and there is no pull request."""
    scene.github.close(1)
    scene.github.push(BRANCH, NEW)
    pushed_at = scene.clock.now()
    scene.later(60)
    scene.github.push(BRANCH, NEWER, actor=PERSON)
    scene.later(60)
    scene.github.push(BRANCH, OLD, forced=True)
    assert scene.play(scene.workflow(sha=OLD, before=NEWER)) is Exit.DONE
    fresh = agent_on(scene, OLD)
    scene.later(60)
    assert scene.play(scene.workflow(sha=NEW, before=OLD, pushed_at=pushed_at)) is Exit.DONE
    assert (scene.record().push.sha, scene.runs()) == (OLD, {fresh})


@pytest.mark.parametrize("found_by", ["its Workflow", "reconcile"])
def test_a_new_push_on_a_commit_that_a_person_restored_is_processed(
    scene: Scene, found_by: Literal["its Workflow", "reconcile"]
) -> None:
    recorded_push(scene)
    scene.github.push(BRANCH, NEWER, actor=PERSON)
    scene.later(20)
    scene.github.push(BRANCH, NEW, actor=PERSON, forced=True)
    stale = agent_on(scene, NEW)
    scene.later(20)
    scene.github.push(BRANCH, FOURTH)
    if found_by == "its Workflow":
        assert scene.play(scene.workflow(sha=FOURTH, before=NEW)) is Exit.DONE
    for _ in range(5):
        scene.later(60)
        scene.reconcile()
        scene.run_repairs()
    assert stale not in scene.runs()
    assert (scene.record().push.sha, set(scene.github.labels(1))) == (FOURTH, MOVED)


def test_a_push_there_and_back_that_nobody_recorded_does_not_hide_the_push_there_again(scene: Scene) -> None:
    recorded_push(scene)
    scene.github.push(BRANCH, OLD, forced=True)
    scene.later(20)
    stale = agent_on(scene, OLD)
    scene.later(20)
    scene.github.push(BRANCH, NEW)
    assert scene.play(scene.workflow(sha=NEW, before=OLD)) is Exit.DONE
    assert stale not in scene.runs()
    assert set(scene.github.labels(1)) == MOVED


@pytest.mark.parametrize("processed", [True, False])
def test_an_old_deletion_does_not_end_a_branch_that_was_created_again(scene: Scene, *, processed: bool) -> None:
    del scene.github.repository().pulls[1]
    scene.github.repository().branches.pop(BRANCH, None)
    scene.github.push(BRANCH, NEW)
    assert scene.play(scene.workflow(sha=NEW, before=ZERO_SHA)) is Exit.DONE
    scene.later(20)
    scene.github.push(BRANCH, ZERO_SHA)
    deleted_at = scene.clock.now()
    if processed:
        assert scene.play(scene.ended("deleted", before=NEW)) is Exit.DONE
    scene.later(20)
    scene.github.push(BRANCH, NEW)
    assert scene.play(scene.workflow(sha=NEW, before=ZERO_SHA)) is Exit.DONE
    fresh = agent_on(scene, NEW)
    scene.later(60)
    assert scene.play(scene.ended("deleted", before=NEW, pushed_at=deleted_at)) is Exit.DONE
    assert (scene.record().push.sha, scene.runs()) == (NEW, {fresh})


@pytest.mark.parametrize("status", [403, 404])
def test_if_the_list_cannot_be_read_the_commits_decide(scene: Scene, status: int) -> None:
    stale, workflow = forced_back(scene)
    scene.github.fault(github_fails(status), path="/activity", times=1e9)
    assert scene.play(workflow) is Exit.DONE
    assert (scene.record().push.sha, scene.runs()) == (NEW, {stale})
    assert any(line["event"].startswith("pushes of the branch cannot be read") for line in scene.events())


def test_while_github_cannot_be_read_the_push_waits(scene: Scene) -> None:
    stale, workflow = forced_back(scene)
    scene.github.fault(github_fails(502), path="/activity", times=30)
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert scene.record().push.sha == NEW
    scene.later(60)
    scene.github.plan.clear_faults()
    assert scene.play(workflow) is Exit.DONE
    assert stale not in scene.runs()


def test_the_list_is_read_once_and_only_in_doubt(scene: Scene) -> None:
    recorded_push(scene)
    assert not any("/activity" in call.path for call in scene.github.calls)
    again = scene.workflow(sha=NEW, before=OLD, pushed_at=scene.clock.now() - timedelta(seconds=20))
    assert scene.play(again) is Exit.DONE
    assert not any("/activity" in call.path for call in scene.github.calls)

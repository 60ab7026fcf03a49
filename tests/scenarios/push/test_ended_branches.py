"""A pull request that is closed, a branch that is deleted, and a pull request that is opened: agents and labels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.push import MANUAL_ALL_REASON, ZERO_SHA
from steps.domain.record import LabelOutcome, Phase
from steps.kube.events import EventReason
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction
from tests.doubles.github import fail as github_fails
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene
from tests.support.scenarios import MOVED, UNTOUCHED, found, stale_push

LOST = [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
ENDS = pytest.mark.parametrize("reason", ["closed", "deleted"])


def end(scene: Scene, reason: str, *, merged: bool = False) -> None:
    """A person closes the pull request, or deletes its branch, which closes it too."""
    scene.github.close(1, merged=merged)
    if reason == "deleted":
        scene.github.push("task-7-work", ZERO_SHA, actor="octocat")


def settled(scene: Scene) -> int:
    """A push is processed and an agent works on its commit: the agent's number of runs is returned."""
    assert scene.play(stale_push(scene)) is Exit.DONE
    assert scene.runs() == set()
    scene.later(60)
    scene.agent()
    scene.later(60)
    return len(scene.runs())


@ENDS
@pytest.mark.parametrize("merged", [True, False], ids=["merged", "not merged"])
def test_the_end_of_a_branch_stops_every_agent_of_the_task(scene: Scene, reason: str, *, merged: bool) -> None:
    assert settled(scene) == 1
    labels = scene.github.labels(1)
    end(scene, reason, merged=merged)
    assert scene.play(scene.ended(reason)) is Exit.DONE
    assert scene.runs() == set()
    record = scene.record()
    assert (record.phase, record.labels, record.push.reason) == (Phase.COMPLETED, LabelOutcome.CLOSED, reason)
    assert scene.github.labels(1) == labels, "nothing is moved on a closed pull request"


@ENDS
def test_an_agent_that_started_after_the_end_is_kept(scene: Scene, reason: str) -> None:
    settled(scene)
    end(scene, reason)
    workflow = scene.ended(reason)
    scene.later(5)
    later = scene.agent()["metadata"]["name"]
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {later}


@ENDS
def test_an_exempt_agent_is_kept_at_the_end(scene: Scene, reason: str) -> None:
    name = scene.agent(agent="5DLabs-Rex")["metadata"]["name"]
    scene.later(60)
    end(scene, reason)
    assert scene.play(scene.ended(reason, before=OLD)) is Exit.DONE
    assert scene.runs() == {name}


@ENDS
def test_the_end_comes_before_the_push_that_it_ends(scene: Scene, reason: str) -> None:
    scene.agent()
    scene.later(60)
    push = scene.workflow(before=OLD)
    scene.github.push("task-7-work", NEW)
    scene.later(5)
    end(scene, reason)
    assert scene.play(scene.ended(reason)) is Exit.DONE
    assert scene.runs() == set()
    labels = scene.github.labels(1)
    assert scene.play(push) is Exit.DONE
    assert (scene.record().push.sha, scene.github.labels(1)) == (ZERO_SHA, labels)


@ENDS
def test_the_same_end_again_does_nothing(scene: Scene, reason: str) -> None:
    settled(scene)
    end(scene, reason)
    assert scene.play(scene.ended(reason)) is Exit.DONE
    before = scene.record()
    scene.later(60)
    kept = scene.agent()["metadata"]["name"]
    scene.later(60)
    for again in ("closed", "deleted"):
        assert scene.play(scene.ended(again, pushed_at=before.push.pushed_at)) is Exit.DONE
    assert (scene.record(), scene.runs()) == (before, {kept})


def test_a_push_after_the_end_starts_afresh(scene: Scene) -> None:
    settled(scene)
    end(scene, "closed")
    assert scene.play(scene.ended()) is Exit.DONE
    scene.later(60)
    scene.agent()
    scene.later(60)
    scene.github.reopen(1)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER, before=NEW)) is Exit.DONE
    assert (scene.runs(), scene.record().labels) == (set(), LabelOutcome.MOVED)
    assert set(scene.github.labels(1)) == MOVED


def test_a_pull_request_that_is_open_again_keeps_its_agents(scene: Scene) -> None:
    settled(scene)
    agents = scene.runs()
    end(scene, "closed")
    workflow = scene.ended()
    scene.later(2)
    scene.github.reopen(1)
    assert scene.play(workflow) is Exit.DONE
    assert (scene.runs(), scene.record().labels) == (agents, LabelOutcome.OPEN_AGAIN)


def test_another_open_pull_request_of_the_branch_keeps_its_agents(scene: Scene) -> None:
    settled(scene)
    agents = scene.runs()
    scene.github.add_pull_request(head="task-7-work", sha=NEW, labels=["team-b"], base="release")
    scene.later(60)
    end(scene, "closed")
    assert scene.play(scene.ended()) is Exit.DONE
    assert scene.runs() == agents


def test_a_pull_request_that_github_shows_as_open_for_some_seconds_is_read_again(scene: Scene) -> None:
    settled(scene)
    workflow = scene.ended()
    shown_at = scene.clock.timestamp() + 4
    scene.clock.every(lambda: end(scene, "closed") if scene.clock.timestamp() == shown_at else None)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == set()
    assert scene.record().labels is LabelOutcome.CLOSED


def test_a_pull_request_that_changed_in_the_second_of_its_end_is_read_again(scene: Scene) -> None:
    settled(scene)
    scene.github.edit_labels(1, add=["task-7", "team-b"])
    workflow = scene.ended()
    shown_at = scene.clock.timestamp() + 2
    scene.clock.every(lambda: end(scene, "closed") if scene.clock.timestamp() == shown_at else None)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == set()


def test_an_older_closed_pull_request_is_not_waited_for(scene: Scene) -> None:
    end(scene, "closed")
    scene.later(60)
    scene.github.add_pull_request(head="task-7-work", sha=OLD, labels=["team-b"])
    scene.agent()
    scene.later(60)
    scene.github.close(2)
    before = scene.clock.timestamp()
    assert scene.play(scene.ended(before=OLD)) is Exit.DONE
    assert "GitHub does not show yet" not in scene.output.getvalue()
    assert (scene.runs(), scene.clock.timestamp() - before < 60) == (set(), True)


def test_the_lease_is_renewed_while_github_is_read_again(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, lease=replace(DEFAULTS.lease, renew_every_s=2))
    settled(scene)
    before = scene.lease()["metadata"]["resourceVersion"]
    seen: set[str] = set()
    scene.clock.every(lambda: seen.add(scene.lease()["metadata"]["resourceVersion"]))
    assert scene.play(scene.ended()) is Exit.DONE
    assert scene.record().labels is LabelOutcome.OPEN_AGAIN
    assert len(seen - {before}) >= 4, "claimed, renewed several times, and released"


def test_a_pull_request_that_github_shows_as_open_after_that_keeps_its_agents(scene: Scene) -> None:
    settled(scene)
    agents = scene.runs()
    assert scene.play(scene.ended()) is Exit.DONE
    assert (scene.runs(), scene.record().labels) == (agents, LabelOutcome.OPEN_AGAIN)


@ENDS
def test_a_skip_label_keeps_the_agents_at_the_end(scene: Scene, reason: str) -> None:
    settled(scene)
    agents = scene.runs()
    scene.github.edit_labels(1, add=["skip-automation"])
    end(scene, reason)
    assert scene.play(scene.ended(reason)) is Exit.DONE
    assert (scene.runs(), scene.record().labels) == (agents, LabelOutcome.SKIPPED)


def test_the_comment_says_that_agents_were_stopped_at_the_end_and_that_none_is_restarted(scene: Scene) -> None:
    settled(scene)
    end(scene, "closed")
    assert scene.play(scene.ended()) is Exit.DONE
    (comment,) = scene.github.comments(1)
    assert "**1 agent stopped:** closed pull request of `task-7-work`" in comment.body
    scene.later(60)
    scene.github.reopen(1)
    opened = scene.workflow(reason="opened", before=ZERO_SHA)
    assert scene.play(opened) is Exit.DONE
    (comment,) = scene.github.comments(1)
    assert "**The pull request is open again.** 1 agent stopped when it was closed; none is restarted." in comment.body
    before = scene.record()
    assert scene.play(scene.workflow(reason="opened", before=ZERO_SHA)) is Exit.DONE
    assert scene.record() == before


def test_an_end_without_an_agent_writes_no_comment(scene: Scene) -> None:
    end(scene, "closed")
    assert scene.play(scene.ended(before=OLD)) is Exit.DONE
    assert scene.github.comments(1) == ()


@pytest.mark.parametrize("reason", ["closed", "deleted"])
def test_reconcile_finds_an_end_whose_webhook_never_came(scene: Scene, reason: str) -> None:
    settled(scene)
    end(scene, reason)
    assert found(scene.reconcile()) == [], "its webhook may still come"
    scene.later(121)
    assert found(scene.reconcile()) == LOST
    assert scene.run_repairs() == [Exit.DONE]
    assert (scene.runs(), scene.record().push.ends) == (set(), True)
    assert found(scene.reconcile()) == []


@pytest.mark.parametrize("reason", ["closed", "deleted"])
def test_reconcile_finds_no_end_that_the_settings_do_not_count(scene: Scene, reason: str) -> None:
    settled(scene)
    events = replace(DEFAULTS.events, react_to=("push",))
    scene.reconcile_settings = replace(DEFAULTS, events=events)
    end(scene, reason)
    scene.later(300)
    assert found(scene.reconcile()) == []


def test_an_end_that_failed_is_finished_by_reconcile(scene: Scene) -> None:
    settled(scene)
    end(scene, "closed")
    scene.github.fault(github_fails(401), method="GET", path="/pulls$", times=1)
    assert scene.play(scene.ended()) is Exit.FORBIDDEN
    scene.later(10)
    assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    assert (scene.runs(), scene.record().labels) == (set(), LabelOutcome.CLOSED)


@pytest.mark.parametrize("known", [True, False], ids=["its push is recorded", "its push is not"])
def test_a_pull_request_that_is_opened_after_its_push_gets_its_labels(scene: Scene, *, known: bool) -> None:
    scene.github.close(1)
    if known:
        assert scene.play(stale_push(scene)) is Exit.DONE
        assert scene.record().labels is LabelOutcome.NO_PULL_REQUEST
    scene.later(60)
    agent = scene.agent()["metadata"]["name"]
    scene.later(60)
    number = scene.github.add_pull_request(head="task-7-work", sha=NEW, labels=[*UNTOUCHED]).number
    assert scene.play(scene.workflow(reason="opened", before=ZERO_SHA)) is Exit.DONE
    assert scene.runs() == {agent}, "opening makes no agent stale"
    assert set(scene.github.labels(number)) == (MOVED if known else UNTOUCHED)


def test_an_unknown_reason_cannot_end_a_branch(scene: Scene) -> None:
    with pytest.raises(Exception, match="give the commit, or one of closed, deleted, reconcile as reason"):
        scene.ended("push")


def test_the_event_names_the_end(scene: Scene) -> None:
    settled(scene)
    end(scene, "closed")
    assert scene.play(scene.ended()) is Exit.DONE
    assert "closed pull request of task-7-work: stale runs gone: 1; labels not moved: the pull request is closed" in [
        event["message"] for event in scene.kubernetes_events(EventReason.COMPLETED)
    ]


@pytest.mark.parametrize("noticed", [True, False], ids=["opened arrives", "opened is lost"])
@pytest.mark.parametrize("found_by", ["its Workflow", "reconcile"])
@pytest.mark.parametrize("second", ["closed", "deleted"])
def test_a_branch_ends_again_with_the_same_commit(scene: Scene, second: str, found_by: str, *, noticed: bool) -> None:
    """A person closes and reopens a pull request to start its checks again, and closes it for good later."""
    settled(scene)
    end(scene, "closed")
    assert scene.play(scene.ended("closed")) is Exit.DONE
    scene.later(60)
    scene.github.reopen(1)
    if noticed:
        assert scene.play(scene.workflow(reason="opened", sha=NEW)) is Exit.DONE
    scene.later(60)
    scene.agent()
    scene.later(300)
    end(scene, second)
    if found_by == "its Workflow":
        assert scene.play(scene.ended(second)) is Exit.DONE
    for _ in range(5):
        scene.later(60)
        scene.reconcile()
        scene.run_repairs()
    assert scene.runs() == set()
    assert scene.record().labels is LabelOutcome.CLOSED


def test_the_first_end_comes_again_after_the_pull_request_was_opened_again(scene: Scene) -> None:
    settled(scene)
    end(scene, "closed")
    first = scene.ended("closed")
    assert scene.play(first) is Exit.DONE
    scene.later(60)
    scene.github.reopen(1)
    scene.later(60)
    name = scene.agent()["metadata"]["name"]
    scene.later(60)
    assert scene.play(scene.ended("closed", pushed_at=first.push.pushed_at)) is Exit.DONE
    assert scene.runs() == {name}


def test_all_agents_can_be_stopped_by_request_after_the_pull_request_was_opened_again(scene: Scene) -> None:
    settled(scene)
    end(scene, "closed")
    assert scene.play(scene.ended("closed")) is Exit.DONE
    scene.later(60)
    scene.github.reopen(1)
    scene.agent()
    scene.later(60)
    assert scene.play(scene.workflow(sha=NEW, before=ZERO_SHA, reason=MANUAL_ALL_REASON)) is Exit.DONE
    assert scene.runs() == set()


@pytest.mark.parametrize("skipped", [1, 2], ids=["the one that is closed now", "the one that was closed before"])
def test_only_a_skip_label_of_a_pull_request_that_this_end_closed_keeps_the_agents(scene: Scene, skipped: int) -> None:
    scene.github.add_pull_request(head="task-7-work", sha=OLD, labels=["team-b"], base="release")
    scene.github.close(2)
    scene.later(600)
    scene.github.edit_labels(skipped, add=["skip-automation"])
    name = scene.agent()["metadata"]["name"]
    scene.later(60)
    end(scene, "closed")
    assert scene.play(scene.ended("closed", before=OLD)) is Exit.DONE
    expected = ({name}, LabelOutcome.SKIPPED) if skipped == 1 else (set(), LabelOutcome.CLOSED)
    assert (scene.runs(), scene.record().labels) == expected
    pull = scene.record().pull_request
    assert pull is not None
    assert pull.number == 1


def test_a_skip_label_on_any_pull_request_that_the_deletion_of_a_branch_closed_keeps_the_agents(scene: Scene) -> None:
    scene.github.add_pull_request(head="task-7-work", sha=OLD, labels=["team-b"], base="release")
    scene.github.edit_labels(1, add=["skip-automation"])
    name = scene.agent()["metadata"]["name"]
    scene.later(60)
    scene.github.push("task-7-work", ZERO_SHA, actor="octocat")
    deleted = scene.ended("deleted", before=OLD)
    scene.later(1)
    for number in (1, 2):
        scene.github.close(number)
        scene.later(1)
    assert scene.play(deleted) is Exit.DONE
    assert (scene.runs(), scene.record().labels) == ({name}, LabelOutcome.SKIPPED)

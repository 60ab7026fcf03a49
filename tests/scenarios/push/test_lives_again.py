"""A pull request that is closed while its branch lives on: pushes of the branch are processed all the same."""

from __future__ import annotations

from itertools import permutations

import pytest

from steps.core.errors import Exit
from steps.domain.push import OPENED_REASON, ZERO_SHA
from steps.domain.record import LabelOutcome, Phase
from tests.doubles.github import fail as github_fails
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene
from tests.support.scenarios import MOVED, pushed, without_help


def closed_and_opened_again(scene: Scene) -> None:
    """A person closes the pull request and opens it again, to start its checks; the webhook of the end is processed."""
    scene.github.close(1)
    workflow = scene.ended()
    scene.later(2)
    scene.github.reopen(1)
    assert scene.play(workflow) is Exit.DONE


def test_labels_that_stayed_because_of_a_second_pull_request_are_moved_once_it_is_closed(scene: Scene) -> None:
    scene.github.edit_labels(1, remove=["task-7"])
    scene.github.add_pull_request(head="task-7-work", sha=OLD, base="release", labels=["ready-for-qa"])
    scene.agent()
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.record().labels is LabelOutcome.AMBIGUOUS
    scene.later(60)
    scene.github.close(2)
    assert scene.play(scene.ended()) is Exit.DONE
    scene.later(DEFAULTS.reconcile.lost_after_s + 1)
    scene.reconcile()
    scene.run_repairs()
    assert {"remediation-in-progress"} == set(scene.github.labels(1)) & {"remediation-in-progress", "ready-for-qa"}


def test_a_push_that_failed_is_finished_although_the_pull_request_was_closed_and_opened_again(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.fault(github_fails(502), method="GET", path="/pulls$", times=100)
    assert scene.play(scene.workflow()) is not Exit.DONE
    assert scene.record().phase is Phase.FAILED
    scene.github.plan.clear()
    scene.later(120)
    closed_and_opened_again(scene)
    scene.later(DEFAULTS.reconcile.lost_after_s + 1)
    scene.reconcile()
    scene.run_repairs()
    assert (scene.runs(), set(scene.github.labels(1))) == (set(), MOVED)


def test_an_unfinished_push_is_not_forgotten_while_github_cannot_be_read(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.fault(github_fails(502), method="GET", path="/pulls$", times=1000)
    assert scene.play(scene.workflow()) is not Exit.DONE
    scene.later(120)
    scene.github.close(1)
    assert scene.play(scene.ended()) is Exit.TRY_AGAIN
    assert (scene.record().push.sha, scene.record().phase) == (NEW, Phase.FAILED)
    scene.github.reopen(1)
    scene.github.plan.clear()
    scene.later(DEFAULTS.reconcile.lost_after_s + 1)
    scene.reconcile()
    scene.run_repairs()
    assert (scene.runs(), set(scene.github.labels(1))) == (set(), MOVED)


def test_a_push_that_comes_after_the_end_of_a_branch_that_lives_again_is_processed(scene: Scene) -> None:
    without_help(scene)
    scene.agent()
    scene.later(5)
    pushed(scene)
    push = scene.workflow()
    scene.later(5)
    closed_and_opened_again(scene)
    kept = scene.agent()["metadata"]["name"]
    assert scene.play(push) is Exit.DONE
    assert (scene.runs(), set(scene.github.labels(1))) == ({kept}, MOVED)


@pytest.mark.parametrize("order", list(permutations(("push", "closed", "opened"))), ids="-".join)
def test_in_any_order_of_webhooks_a_push_before_the_end_is_processed(scene: Scene, order: tuple[str, ...]) -> None:
    """A bot pushes, and closes and opens the pull request so that its checks start. An earlier push is recorded."""
    without_help(scene)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    scene.github.edit_labels(1, add=["ready-for-qa"], remove=["remediation-in-progress"])
    scene.agent()
    scene.later(60)
    scene.github.push("task-7-work", NEWER)
    pushed_at = scene.clock.now()
    scene.later(5)
    kept = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.github.close(1)
    closed_at = scene.clock.now()
    scene.later(3)
    scene.github.reopen(1)
    scene.later(3)
    for event in order:
        workflow = {
            "push": lambda: scene.workflow(sha=NEWER, before=NEW, pushed_at=pushed_at),
            "closed": lambda: scene.ended(before=NEWER, pushed_at=closed_at),
            "opened": lambda: scene.workflow(sha=NEWER, before=ZERO_SHA, reason=OPENED_REASON),
        }[event]()
        assert scene.play(workflow) is Exit.DONE
    assert (scene.runs(), set(scene.github.labels(1))) == ({kept}, MOVED)

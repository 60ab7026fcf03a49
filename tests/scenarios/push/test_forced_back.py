"""A branch that is forced back to an earlier commit: each of two pushes may have replaced the other one's."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome
from tests.doubles.github import fail as github_fails
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, Workflow
from tests.support.scenarios import MOVED

BRANCH = "task-7-work"
COMMITS = (OLD, NEW, NEWER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A push that GitHub took."""

    before: str
    sha: str
    at: datetime


@pytest.fixture
def names_commit(scene: Scene) -> Scene:
    """A scene whose runs name the commit that they work on."""
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    return scene


def force_push(scene: Scene, before: str, sha: str) -> Pushed:
    """Push to the branch. Its webhook does not come yet."""
    scene.github.push(BRANCH, sha, forced=True)
    return Pushed(before=before, sha=sha, at=scene.clock.now())


def workflow(scene: Scene, push: Pushed) -> Workflow:
    """The Workflow of a webhook that comes now."""
    return scene.workflow(sha=push.sha, before=push.before, pushed_at=push.at)


def agent_on(scene: Scene, sha: str) -> str:
    """An agent that the platform starts now, on a commit."""
    return str(scene.agent(annotations={"sha": sha})["metadata"]["name"])


def test_a_push_that_comes_again_after_the_branch_was_forced_back_stops_no_agent_on_the_head(
    names_commit: Scene,
) -> None:
    scene = names_commit
    there = force_push(scene, OLD, NEW)
    assert scene.play(workflow(scene, there)) is Exit.DONE
    scene.later(60)
    back = force_push(scene, NEW, OLD)
    assert scene.play(workflow(scene, back)) is Exit.DONE
    fresh = agent_on(scene, OLD)
    scene.later(300)
    assert scene.play(workflow(scene, there)) is Exit.DONE
    assert scene.runs() == {fresh}
    assert scene.record().push.sha == OLD


def test_a_push_that_comes_again_after_the_branch_went_round_stops_no_agent_on_the_head(names_commit: Scene) -> None:
    scene = names_commit
    pushes = []
    for before, sha in ((OLD, NEW), (NEW, NEWER), (NEWER, OLD)):
        scene.later(60)
        pushes.append(force_push(scene, before, sha))
        assert scene.play(workflow(scene, pushes[-1])) is Exit.DONE
    fresh = agent_on(scene, OLD)
    scene.later(300)
    for push in pushes:
        assert scene.play(workflow(scene, push)) is Exit.DONE
        assert scene.runs() == {fresh}
        assert scene.record().push.sha == OLD


def test_a_push_there_again_after_the_branch_was_forced_back_is_processed(names_commit: Scene) -> None:
    scene = names_commit
    for before, sha in ((OLD, NEW), (NEW, OLD), (OLD, NEW)):
        scene.later(60)
        stale = agent_on(scene, before)
        push = force_push(scene, before, sha)
        scene.later(3)
        assert scene.play(workflow(scene, push)) is Exit.DONE
        assert stale not in scene.runs()
        assert (scene.record().push.sha, scene.record().labels) == (sha, LabelOutcome.MOVED)


@pytest.mark.parametrize("later_first", [False, True])
@pytest.mark.parametrize("after_s", [0, 3], ids=["in the same second", "seconds later"])
def test_of_two_pushes_there_and_back_the_later_one_has_the_last_word_in_either_order(
    names_commit: Scene, after_s: float, *, later_first: bool
) -> None:
    scene = names_commit
    there = force_push(scene, OLD, NEW)
    scene.later(after_s)
    back = force_push(scene, NEW, OLD)
    stale, fresh = agent_on(scene, NEW), agent_on(scene, OLD)
    scene.later(5)
    for push in (back, there) if later_first else (there, back):
        assert scene.play(workflow(scene, push)) is Exit.DONE
        assert fresh in scene.runs()
    assert stale not in scene.runs()
    assert (scene.record().push.sha, scene.record().labels) == (OLD, LabelOutcome.MOVED)
    assert set(scene.github.labels(1)) == MOVED


def test_a_branch_that_is_forced_back_while_agents_are_stopped_leaves_its_labels_to_that_push(
    names_commit: Scene,
) -> None:
    scene = names_commit
    agent_on(scene, OLD)
    there = force_push(scene, OLD, NEW)
    scene.later(5)

    def go_back() -> None:
        scene.later(1)
        force_push(scene, NEW, OLD)

    scene.github.before(go_back, method="GET", path="/pulls/1$")
    assert scene.play(workflow(scene, there)) is Exit.DONE
    assert (scene.record().labels, scene.record().left_to) == (LabelOutcome.HEAD_MOVED, OLD)
    assert not set(scene.github.labels(1)) & {"remediation-in-progress"}


@pytest.mark.parametrize(
    "status", [pytest.param(403, id="no access to contents"), pytest.param(404, id="a GitHub without this list")]
)
def test_if_the_pushes_of_the_branch_cannot_be_listed_the_push_counts_as_the_head(
    names_commit: Scene, status: int
) -> None:
    scene = names_commit
    stale = agent_on(scene, OLD)
    there = force_push(scene, OLD, NEW)
    scene.github.show_head(1, OLD)
    scene.github.fault(github_fails(status), path="/activity", times=99)
    scene.later(3)
    assert scene.play(workflow(scene, there)) is Exit.DONE
    assert stale not in scene.runs()
    assert scene.record().labels is LabelOutcome.MOVED
    assert any(line["event"].startswith("pushes of the branch cannot be read") for line in scene.events())
    assert sum("/activity" in call.path for call in scene.github.calls) <= 2


@pytest.mark.parametrize(("unreadable", "labels"), [("wait", None), ("cancel", LabelOutcome.UNREADABLE)])
def test_if_github_does_not_answer_about_the_pushes_the_setting_decides(
    names_commit: Scene, unreadable: Literal["wait", "cancel"], labels: LabelOutcome | None
) -> None:
    scene = names_commit
    scene.settings = replace(scene.settings, github=replace(scene.settings.github, unreadable=unreadable))
    stale = agent_on(scene, OLD)
    scene.later(5)
    there = force_push(scene, OLD, NEW)
    scene.github.show_head(1, OLD)
    scene.github.fault(github_fails(502), path="/activity", times=99)
    assert scene.attempt(workflow(scene, there)) is (Exit.DONE if labels else Exit.TRY_AGAIN)
    assert (stale in scene.runs()) is (labels is None)
    assert scene.record().labels is (labels or LabelOutcome.PENDING)


def test_of_two_waiting_pushes_of_the_head_the_later_one_is_processed(scene: Scene) -> None:
    there = force_push(scene, OLD, NEW)
    scene.later(20)
    on = force_push(scene, NEW, NEWER)
    scene.later(20)
    stale = str(scene.agent()["metadata"]["name"])
    scene.later(20)
    back = force_push(scene, NEWER, NEW)
    fresh = str(scene.agent()["metadata"]["name"])
    scene.later(5)
    own, *waiting = (workflow(scene, push) for push in (on, there, back))
    assert scene.play(own) is Exit.DONE
    record = scene.record()
    assert record.push == waiting[1].push
    assert stale not in scene.runs()
    assert fresh in scene.runs()
    assert NEW not in record.older
    assert NEWER in record.older


@pytest.mark.parametrize("seed", range(40))
def test_no_history_of_three_commits_in_any_order_stops_the_agent_on_the_head(names_commit: Scene, seed: int) -> None:
    scene, rng = names_commit, random.Random(seed)  # noqa: S311 - a seed repeats a history
    head, pushes = OLD, []
    for _ in range(rng.randint(2, 5)):
        scene.later(rng.choice([1, 5, 20, 60]))
        before, head = head, rng.choice([sha for sha in COMMITS if sha != head])
        pushes.append(force_push(scene, before, head))
    scene.later(rng.choice([0, 3, 30]))
    fresh = agent_on(scene, head)
    scene.later(rng.choice([0, 10]))
    if rng.random() < 0.5:
        rng.shuffle(pushes)
    for push in (*pushes, *(rng.choice(pushes) for _ in range(rng.randint(0, 2)))):
        scene.play(workflow(scene, push))
        assert fresh in scene.runs()
        scene.later(rng.choice([1, 5]))

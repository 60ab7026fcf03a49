"""What a person asks for: `submit` and `/cancel-agents` stop what the head's own push made stale, and no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from steps.cancellation.workflow import SUPERSEDED_BY
from steps.core.errors import Exit
from steps.domain.push import MANUAL_ALL_REASON, MANUAL_REASON
from steps.domain.record import LabelOutcome, Phase
from steps.telemetry.measurements import REPORT
from tests.doubles.github import fail
from tests.doubles.github.faults import Fault
from tests.doubles.github.messages import json_response
from tests.support.harness import NEW, NEWER, OLD, REPOSITORY, Scene, Workflow

BRANCH = "task-7-work"
FOREVER = 100
NOTHING = Fault(applied=False, answer=lambda _: json_response(status=200, content=[]))


def name_of(run: dict[str, dict[str, str]]) -> str:
    return run["metadata"]["name"]


def problem(scene: Scene) -> str:
    """The error of the last attempt."""
    return [str(event["error"]) for event in scene.events() if "exit" in event][-1]


def is_ended(scene: Scene, workflow: Workflow) -> bool:
    """Whether the steps ended a Workflow while it waited."""
    found = scene.api.get("workflows", workflow.name, namespace=scene.settings.namespaces.workflows)
    return SUPERSEDED_BY in found["metadata"]["labels"]


def requested(scene: Scene, sha: str = NEW, *, reason: str = MANUAL_REASON, ahead_s: float = 0) -> Workflow:
    """What a laptop submits now, whose clock may be ahead. It does not know the commit that the push replaced."""
    at = scene.clock.now() + timedelta(seconds=ahead_s)
    return scene.workflow(sha=sha, before="0" * 40, pushed_at=at, reason=reason)


@pytest.fixture
def lost(scene: Scene) -> tuple[Scene, str, str]:
    """A stale agent, the head's push whose webhook was lost, and an agent that began after it and names no commit."""
    stale = name_of(scene.agent())
    scene.later(60)
    scene.github.push(BRANCH, NEW)
    scene.later(60)
    since = name_of(scene.agent())
    scene.later(60)
    return scene, stale, since


def test_an_agent_that_began_after_the_heads_push_is_kept(lost: tuple[Scene, str, str]) -> None:
    scene, stale, since = lost
    assert scene.play(requested(scene)) is Exit.DONE
    assert scene.runs() == {since}
    record = scene.record()
    assert {agent.name for agent in record.agents if agent.outcome != "kept"} == {stale}
    assert (record.phase, record.labels) == (Phase.COMPLETED, LabelOutcome.MOVED)


def test_the_record_has_githubs_time_and_the_replaced_commit(lost: tuple[Scene, str, str]) -> None:
    scene, _, _ = lost
    (activity, *_) = scene.github.world.repositories[REPOSITORY].activities
    assert scene.play(requested(scene, ahead_s=25)) is Exit.DONE
    push = scene.record().push
    assert (push.pushed_at.timestamp(), push.before) == (int(activity.at), OLD)
    assert push.reason == MANUAL_REASON


def test_with_the_flag_what_began_before_the_request_is_stopped_too(lost: tuple[Scene, str, str]) -> None:
    scene, _, _ = lost
    workflow = requested(scene, reason=MANUAL_ALL_REASON)
    later = name_of(scene.agent())
    scene.later(1)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {later}


def test_with_the_flag_an_agent_of_a_finished_push_is_stopped_once(lost: tuple[Scene, str, str]) -> None:
    scene, _, since = lost
    assert scene.play(scene.workflow(sha=NEW, pushed_at=scene.clock.now() - timedelta(seconds=120))) is Exit.DONE
    assert scene.runs() == {since}
    exempt = name_of(scene.agent(agent="5DLabs-Rex"))
    scene.later(2)
    workflow = requested(scene, reason=MANUAL_ALL_REASON)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {exempt}
    assert scene.record().labels is LabelOutcome.MOVED
    fresh = name_of(scene.agent())
    scene.later(60)
    writes = scene.github.writes()
    assert scene.play(workflow) is Exit.DONE, "a pod that starts again after the end"
    assert scene.runs() == {exempt, fresh}
    assert scene.github.writes() == writes


def test_without_the_flag_a_finished_push_is_left_alone(lost: tuple[Scene, str, str]) -> None:
    scene, _, since = lost
    assert scene.play(scene.workflow(sha=NEW, pushed_at=scene.clock.now() - timedelta(seconds=120))) is Exit.DONE
    scene.later(60)
    before = scene.record()
    assert scene.play(requested(scene, ahead_s=25)) is Exit.DONE
    assert scene.runs() == {since}
    assert scene.record() == before


def test_the_next_push_is_newer_than_what_a_laptop_ahead_asked_for(lost: tuple[Scene, str, str]) -> None:
    scene, _, _ = lost
    assert scene.play(requested(scene, reason=MANUAL_ALL_REASON, ahead_s=25)) is Exit.DONE
    scene.agent()
    scene.later(10)
    # A force push: the commits say nothing about which of the two is newer.
    scene.github.push(BRANCH, NEWER)
    assert scene.play(scene.workflow(sha=NEWER, before="f" * 40)) is Exit.DONE
    assert scene.runs() == set()


def test_a_waiting_request_is_left_to_its_own_steps_which_ask_github_for_its_push(lost: tuple[Scene, str, str]) -> None:
    scene, _, _ = lost
    first = scene.workflow(sha=NEW, pushed_at=scene.clock.now() - timedelta(seconds=120))
    scene.github.push(BRANCH, NEWER)
    request, repeated = requested(scene, NEWER, ahead_s=-600), requested(scene, NEW, ahead_s=-600)
    assert scene.play(first) is Exit.DONE
    assert not is_ended(scene, repeated)
    assert not is_ended(scene, request)
    assert scene.play(request) is Exit.DONE
    before = scene.record()
    assert before.push.sha == NEWER
    assert scene.play(repeated) is Exit.DONE
    assert scene.record() == before


def test_a_waiting_request_for_a_commit_that_was_forced_back_is_not_ended_by_its_earlier_push(
    lost: tuple[Scene, str, str],
) -> None:
    scene, _, since = lost
    first = scene.workflow(sha=NEW, pushed_at=scene.clock.now() - timedelta(seconds=120))
    scene.github.push(BRANCH, NEWER)
    scene.later(60)
    scene.github.push(BRANCH, NEW)
    scene.later(60)
    request = requested(scene)
    assert scene.play(first) is Exit.DONE
    assert since in scene.runs()
    assert not is_ended(scene, request)
    assert scene.play(request) is Exit.DONE
    assert scene.runs() == set()


def test_a_commit_that_was_not_pushed_is_refused_and_nothing_is_written(lost: tuple[Scene, str, str]) -> None:
    scene, stale, since = lost
    assert scene.attempt(requested(scene, sha="d" * 40)) is Exit.BAD_INPUT
    assert "sha: GitHub lists no push of dddddddddddd to task-7-work" in problem(scene)
    assert scene.runs() == {stale, since}
    assert scene.github.writes() == []


def test_github_may_list_the_push_seconds_later(scene: Scene) -> None:
    stale = name_of(scene.agent())
    scene.later(60)
    scene.github.push(BRANCH, NEW)
    scene.github.fault(NOTHING, method="GET", path="/activity$", times=4)
    assert scene.play(requested(scene)) is Exit.DONE
    assert stale not in scene.runs()


def test_without_an_answer_the_step_is_tried_again(lost: tuple[Scene, str, str]) -> None:
    scene, stale, since = lost
    scene.github.fault(fail(503), method="GET", path="/activity$", times=FOREVER)
    assert scene.attempt(requested(scene)) is Exit.TRY_AGAIN
    assert scene.runs() == {stale, since}


def test_credentials_that_may_not_read_the_pushes_are_named(lost: tuple[Scene, str, str]) -> None:
    scene, stale, since = lost
    scene.github.fault(fail(403), method="GET", path="/activity$", times=FOREVER)
    assert scene.attempt(requested(scene)) is Exit.FORBIDDEN
    assert "read access to contents" in problem(scene)
    assert scene.runs() == {stale, since}


def test_a_dry_run_says_what_a_request_would_stop(lost: tuple[Scene, str, str]) -> None:
    scene, stale, since = lost
    workflow = scene.workflow(sha=NEW, before="0" * 40, reason=MANUAL_REASON, dry_run=True)
    assert scene.attempt(workflow, pod="dry-run") is Exit.DONE
    report = scene.measured["dry-run"].values[REPORT]
    assert f"  would be stopped  coderuns/{stale} " in report
    assert f"  kept  coderuns/{since} " in report
    assert scene.runs() == {stale, since}

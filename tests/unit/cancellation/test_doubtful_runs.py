"""Which runs are in doubt, and what GitHub's list of pushes then changes in the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from steps.agents import AgentRun
from steps.cancellation.claim import claim_record
from steps.cancellation.doubtful_runs import settle_doubt
from steps.domain.push import ZERO_SHA, Sha
from steps.domain.record import PullRequest, Record
from steps.domain.watermark import RESOLUTION_S
from tests.doubles.github import fail as github_fails
from tests.support import factories
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, REPOSITORY, Scene
from tests.support.scenarios import activity_requests

BRANCH = "task-7-work"
SHOWN = PullRequest(number=1, head_sha=NEW, labels=())
LATE = "webhook has a later time than the push"
MOMENT = timedelta(microseconds=1)


def pushed(scene: Scene, *, late_s: float = 0) -> Record:
    """The record of a push from OLD to NEW. Its webhook has a later time."""
    scene.github.push(BRANCH, NEW)
    scene.later(late_s)
    workflow = scene.workflow(sha=NEW, before=OLD, pushed_at=scene.clock.now())
    record = claim_record(None, context=scene.context(workflow, pod="pod"))
    assert record is not None
    return replace(record, pull_request=SHOWN, watermark=workflow.push.pushed_at)


def run(at: datetime, *, sha: str = "") -> AgentRun:
    """An agent of the task."""
    _, found = factories.run(created_at=at, sha=sha, repository=REPOSITORY)
    return found


def settled(
    scene: Scene, record: Record, *runs: AgentRun, stored: Record | None = None, offset_s: float | None = None
) -> Record:
    """The record after the doubt is settled."""
    scene.github.calls.clear()
    return settle_doubt(
        record,
        runs=runs,
        stored=stored,
        context=scene.context(scene.workflow(sha=NEW, before=OLD, pushed_at=record.push.pushed_at), pod="pod"),
        while_waiting=lambda: None,
        offset_s=offset_s,
    )


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (timedelta(0), 1),
        (timedelta(seconds=59), 1),
        (timedelta(minutes=1) - MOMENT, 1),
        (timedelta(minutes=1), 0),
        (-MOMENT, 0),
    ],
)
def test_a_run_that_began_less_than_a_minute_before_the_watermark_is_in_doubt(
    scene: Scene, before: timedelta, expected: int
) -> None:
    record = pushed(scene)
    settled(scene, record, run(record.watermark - before))
    assert activity_requests(scene) == expected


def test_a_run_that_names_its_commit_is_not_in_doubt_by_its_age(scene: Scene) -> None:
    record = pushed(scene)
    assert settled(scene, record, run(record.watermark, sha=OLD)) == record
    assert activity_requests(scene) == 0


@pytest.mark.parametrize(
    ("shown", "after", "expected"), [(None, MOMENT, 1), (None, timedelta(0), 0), (SHOWN, MOMENT, 0)]
)
def test_a_run_on_a_replaced_commit_that_began_after_the_push_is_in_doubt_if_no_pull_request_shows_the_head(
    scene: Scene, shown: PullRequest | None, after: timedelta, expected: int
) -> None:
    record = replace(pushed(scene), pull_request=shown)
    settled(scene, record, run(record.watermark + after, sha=OLD))
    assert activity_requests(scene) == expected


@pytest.mark.parametrize("change", [{"sha": Sha(ZERO_SHA), "before": Sha(NEW)}, {"reason": "manual"}])
def test_an_end_and_a_request_are_not_in_doubt(scene: Scene, change: dict[str, Any]) -> None:
    record = pushed(scene)
    record = replace(record, push=replace(record.push, **change))
    assert settled(scene, record, run(record.watermark)) == record
    assert activity_requests(scene) == 0


@pytest.mark.parametrize("offset_s", [None, 7.0])
def test_the_watermark_of_a_late_webhook_is_lowered_to_the_pushs_own_time(scene: Scene, offset_s: float | None) -> None:
    record = pushed(scene, late_s=20)
    own = record.push.pushed_at - timedelta(seconds=20)
    found = settled(scene, record, run(record.watermark), offset_s=offset_s)
    offset = timedelta(seconds=(offset_s or 0) - RESOLUTION_S)
    assert (found.push.pushed_at, found.watermark) == (own, own + offset)
    assert (found.left_to, LATE in [line["event"] for line in scene.events()]) == ("", True)


def test_the_watermark_is_not_lowered_below_that_of_the_stored_record(scene: Scene) -> None:
    record = pushed(scene, late_s=20)
    stored = replace(record, watermark=record.watermark - timedelta(seconds=5))
    found = settled(scene, record, run(record.watermark), stored=stored)
    assert (found.push.pushed_at, found.watermark) == (
        record.push.pushed_at - timedelta(seconds=20),
        stored.watermark,
    )


def test_a_webhook_with_the_pushs_own_time_changes_nothing(scene: Scene) -> None:
    record = pushed(scene)
    assert settled(scene, record, run(record.watermark)) == record
    assert LATE not in [line["event"] for line in scene.events()]


def forced_back(scene: Scene) -> Record:
    """The record of a push. After it, the branch was forced back to the commit that the push replaced."""
    record = pushed(scene, late_s=20)
    scene.later(10)
    scene.github.push(BRANCH, OLD, forced=True)
    return record


def test_without_a_pull_request_the_head_of_a_later_push_is_kept(scene: Scene) -> None:
    record = replace(forced_back(scene), pull_request=None)
    found = settled(scene, record, run(record.watermark + MOMENT, sha=OLD))
    assert found == replace(record, left_to=OLD)


def test_a_pull_request_shows_the_head_so_the_list_does_not(scene: Scene) -> None:
    record = forced_back(scene)
    found = settled(scene, record, run(record.watermark))
    assert (found.left_to, found.push.pushed_at) == ("", record.push.pushed_at - timedelta(seconds=20))


def test_a_list_that_is_not_permitted_changes_nothing(scene: Scene) -> None:
    record = replace(forced_back(scene), pull_request=None)
    scene.github.fault(github_fails(403), path="/activity", times=1e9)
    assert settled(scene, record, run(record.watermark), run(record.watermark + MOMENT, sha=OLD)) == record


def test_while_github_cannot_be_read_runs_in_doubt_count_as_stale_if_the_settings_say_so(scene: Scene) -> None:
    record = pushed(scene, late_s=20)
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    scene.github.fault(github_fails(502), path="/activity", times=1e9)
    assert settled(scene, record, run(record.watermark)) == record
    assert "GitHub cannot be read: runs in doubt count as stale" in [line["event"] for line in scene.events()]


def test_a_push_that_replaced_another_one_settles_by_the_list_of_its_own_branch(scene: Scene) -> None:
    record = pushed(scene)
    scene.later(5)
    scene.github.push("unrelated", NEWER)
    assert settled(scene, record, run(record.watermark)) == record

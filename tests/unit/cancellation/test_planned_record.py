"""The record by which agents are judged: whose push it settles, and what it knows to be older."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from steps.cancellation.claim import claim_record
from steps.cancellation.planned_record import PlannedRecord, plan_record
from steps.domain.push import Sha
from steps.domain.record import LabelOutcome, Record
from steps.runtime.context import StepContext
from tests.doubles.github import fail as github_fails
from tests.support.harness import NEW, NEWER, OLD, Scene, Workflow

BRANCH = "task-7-work"
OLDEST, MISSED = "e" * 40, "d" * 40


def claimed(scene: Scene, workflow: Workflow) -> tuple[Record, StepContext]:
    """The claimed record of a push, and its step."""
    context = scene.context(workflow, pod="pod")
    record = claim_record(None, context=context)
    assert record is not None
    return record, context


def planned(record: Record, context: StepContext, *, stored: Record | None = None) -> PlannedRecord:
    context.lease().read()  # the API server's clock is known once it has answered
    return plan_record(record, stored=stored, context=context, while_waiting=lambda: None)


def head_of(record: Record) -> str:
    assert record.pull_request is not None
    return record.pull_request.head_sha


def test_a_push_that_is_the_head_leaves_the_known_commits_as_they_are(scene: Scene) -> None:
    scene.github.push(BRANCH, NEW)
    record, context = claimed(scene, scene.workflow(sha=NEW, before=OLD))
    found = planned(replace(record, older=(OLDEST,)), context).record
    assert (found.push, found.older, found.labels) == (record.push, (OLDEST,), LabelOutcome.PENDING)
    assert head_of(found) == NEW


def test_the_steps_own_push_takes_over_the_record_of_an_earlier_one_if_it_is_the_head(scene: Scene) -> None:
    scene.github.push(BRANCH, NEW)
    record, _ = claimed(scene, scene.workflow(sha=NEW, before=OLD))
    scene.later(5)
    scene.github.push(BRANCH, NEWER)
    own = scene.workflow(sha=NEWER, before=NEW)
    found = planned(record, scene.context(own, pod="second")).record
    assert (found.push, found.older) == (own.push, (OLD, NEW))


@pytest.mark.parametrize("known", [(), (OLDEST,)], ids=["not recorded", "recorded"])
def test_an_older_head_that_github_shows_is_noted_once(scene: Scene, known: tuple[Sha, ...]) -> None:
    scene.github.push(BRANCH, OLDEST)
    scene.later(5)
    scene.github.push(BRANCH, NEW)
    record, context = claimed(scene, scene.workflow(sha=NEW, before=OLDEST))
    scene.github.show_head(1, OLDEST)
    found = planned(replace(record, older=known), context).record
    assert (found.older, found.labels, head_of(found)) == ((OLDEST,), LabelOutcome.PENDING, NEW)


def test_the_push_of_a_newer_head_that_waits_is_settled_at_once(scene: Scene) -> None:
    scene.github.push(BRANCH, NEW)
    record, context = claimed(scene, scene.workflow(sha=NEW, before=OLD))
    scene.later(5)
    scene.github.push(BRANCH, NEWER)
    waiting = scene.workflow(sha=NEWER, before=NEW)
    scene.agent(name="since")
    found = planned(record, context)
    assert (found.record.push, found.record.older) == (waiting.push, (OLD, NEW))
    assert (found.record.labels, found.record.left_to) == (LabelOutcome.PENDING, "")
    assert [run.name for run in found.runs] == ["since"]


def test_a_newer_head_whose_push_does_not_wait_gets_the_labels(scene: Scene) -> None:
    scene.github.push(BRANCH, NEW)
    record, context = claimed(scene, scene.workflow(sha=NEW, before=OLD))
    scene.later(5)
    scene.github.push(BRANCH, NEWER)
    found = planned(record, context).record
    assert (found.push, found.labels, found.left_to) == (record.push, LabelOutcome.HEAD_MOVED, NEWER)


def test_a_head_whose_waiting_push_is_older_counts_as_the_push_if_the_list_cannot_be_read(scene: Scene) -> None:
    scene.github.push(BRANCH, NEW)
    scene.workflow(sha=NEW, before=OLD)
    scene.later(5)
    scene.github.push(BRANCH, NEWER)
    record, context = claimed(scene, scene.workflow(sha=NEWER, before=MISSED))
    scene.github.show_head(1, NEW)
    scene.github.fault(github_fails(403), path="/activity", times=1e9)
    found = planned(record, context).record
    assert (found.push, found.labels, found.left_to) == (record.push, LabelOutcome.PENDING, "")
    assert (head_of(found), found.older) == (NEWER, (NEW,))


def test_a_head_that_was_forced_back_to_the_replaced_commit_is_settled_by_its_waiting_push(scene: Scene) -> None:
    """By the commits, the push that waits came first; by GitHub's times, it came last."""
    scene.github.push(BRANCH, OLD)
    scene.later(5)
    scene.github.push(BRANCH, NEW)
    record, context = claimed(scene, scene.workflow(sha=NEW, before=OLD))
    scene.later(5)
    scene.github.push(BRANCH, OLD, forced=True)
    waiting = scene.workflow(sha=OLD, before=MISSED)
    found = planned(record, context).record
    assert (found.push, found.labels) == (waiting.push, LabelOutcome.PENDING)
    assert found.older == (NEW,)


@pytest.mark.parametrize(("ahead_s", "stored_s"), [(0, None), (20, None), (0, 3)])
def test_a_late_webhook_is_settled_with_the_measured_clocks_and_the_stored_record(
    scene: Scene, ahead_s: int, stored_s: int | None
) -> None:
    real = scene.github._clock
    scene.github._clock = lambda: real() - ahead_s
    scene.github.push(BRANCH, NEW)
    own = scene.clock.now() - timedelta(seconds=ahead_s)
    scene.later(10)
    scene.agent()
    scene.later(20)
    record, context = claimed(scene, scene.workflow(sha=NEW, before=OLD, pushed_at=own + timedelta(seconds=30)))
    stored = None if stored_s is None else replace(record, watermark=own + timedelta(seconds=stored_s))
    found = planned(record, context, stored=stored).record
    assert found.push.pushed_at == own
    expected = own + timedelta(seconds=ahead_s if stored_s is None else stored_s)
    assert abs(found.watermark - expected) <= timedelta(seconds=2)


@pytest.mark.parametrize("skipped", [False, True])
def test_a_skip_label_stops_no_agent(scene: Scene, *, skipped: bool) -> None:
    scene.github.push(BRANCH, NEW)
    record, context = claimed(scene, scene.workflow(sha=NEW, before=OLD))
    if skipped:
        scene.github.edit_labels(1, add=["skip-automation"])
    assert planned(record, context).stops_agents is not skipped

"""The record that a Lease is taken with: its push, its watermark, and what it keeps of an earlier attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from steps.cancellation.claim import claim_record, decide_push, first_watermark, measured_watermark
from steps.core.errors import UnavailableError
from steps.domain.agent import Agent, RunOutcome
from steps.domain.claim_decision import Resume, Start, Superseded
from steps.domain.push import ZERO_SHA, Sha
from steps.domain.record import LabelOutcome, Phase, PullRequest, Record
from steps.domain.watermark import RESOLUTION_S
from tests.doubles.github import fail as github_fails
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, ago
from tests.support.scenarios import activity_requests

OLDEST = "d" * 40
TOLERANCE_S = DEFAULTS.push.tolerance_s


def test_a_lease_is_taken_with_the_lowest_watermark_that_the_clocks_permit(scene: Scene) -> None:
    push = scene.workflow().push
    watermark = first_watermark(push, created_at=push.pushed_at + timedelta(hours=1), settings=DEFAULTS.push)
    assert watermark == push.pushed_at - timedelta(seconds=TOLERANCE_S + RESOLUTION_S)
    early = push.pushed_at - timedelta(hours=1)
    assert first_watermark(push, created_at=early, settings=DEFAULTS.push) == early


@pytest.mark.parametrize(("offset_s", "reach_s"), [(None, 0), (0, 0), (20, 20), (-20, -20), (-60, -TOLERANCE_S)])
def test_the_measured_offset_of_the_clocks_raises_the_watermark(
    scene: Scene, offset_s: float | None, reach_s: float
) -> None:
    workflow = scene.workflow(pushed_at=ago(scene.clock, 100))
    context = scene.context(workflow, pod="pod")
    record = claim_record(None, context=context)
    assert record is not None
    expected = workflow.push.pushed_at + timedelta(seconds=reach_s - RESOLUTION_S)
    assert measured_watermark(record, context=context, offset_s=offset_s) == expected
    warned = [line for line in scene.events() if line["level"] == "warning"]
    assert bool(warned) == (offset_s == -60)


@pytest.mark.parametrize("offset_s", [TOLERANCE_S, -TOLERANCE_S, TOLERANCE_S + 0.6, -TOLERANCE_S - 0.6])
def test_clocks_that_differ_by_more_than_the_tolerance_are_reported(scene: Scene, offset_s: float) -> None:
    context = scene.context(scene.workflow(), pod="pod")
    record = claim_record(None, context=context)
    assert record is not None
    measured_watermark(record, context=context, offset_s=offset_s)
    warned = [(line["event"], line["offset_s"]) for line in scene.events() if line["level"] == "warning"]
    text = "GitHub's clock and the API server's differ by more than push.tolerance_s: set the clocks"
    assert warned == ([] if abs(offset_s) == TOLERANCE_S else [(text, round(offset_s))])


def test_no_run_that_was_created_after_the_workflow_of_the_push_is_stale(scene: Scene) -> None:
    workflow = scene.workflow()
    context = scene.context(workflow, pod="pod")
    record = claim_record(None, context=context)
    assert record is not None
    assert measured_watermark(record, context=context, offset_s=20) == workflow.created_at


def test_a_workflow_that_works_for_a_later_push_does_not_bound_the_watermark(scene: Scene) -> None:
    workflow = scene.workflow()
    context = scene.context(workflow, pod="pod")
    record = claim_record(None, context=context)
    assert record is not None
    later = replace(record.push, sha=Sha(NEWER), pushed_at=record.push.pushed_at + timedelta(seconds=90))
    expected = later.pushed_at - timedelta(seconds=RESOLUTION_S)
    assert measured_watermark(replace(record, push=later), context=context, offset_s=None) == expected


def test_a_record_keeps_the_commits_that_were_replaced_before(scene: Scene) -> None:
    first = replace(unfinished(scene), phase=Phase.COMPLETED, older=(OLDEST,))
    scene.later(20)
    newer = claim_record(first, context=scene.context(scene.workflow(sha=NEWER, before=NEW), pod="second"))
    assert newer is not None
    assert newer.older == (OLDEST, OLD, NEW)


def test_an_older_push_that_resumes_changes_nothing_about_the_replaced_commits(scene: Scene) -> None:
    stored = replace(unfinished(scene), older=(OLDEST,))
    earlier = scene.workflow(sha=OLD, before=OLDEST, pushed_at=ago(scene.clock, 300))
    resumed = claim_record(stored, context=scene.context(earlier, pod="second"))
    assert resumed is not None
    assert (resumed.push, resumed.older) == (stored.push, (OLDEST,))


def test_a_first_push_starts_with_a_new_record(scene: Scene) -> None:
    workflow = scene.workflow()
    scene.later(3)
    context = scene.context(workflow, pod="pod")
    watermark = first_watermark(workflow.push, created_at=workflow.created_at, settings=DEFAULTS.push)
    assert decide_push(None, context=context) == Start(push=workflow.push, watermark=watermark)
    assert claim_record(None, context=context) == Record(
        push=workflow.push,
        watermark=watermark,
        phase=Phase.IN_PROGRESS,
        attempts=1,
        workflow=workflow.name,
        workflow_uid=workflow.uid,
        started_at=scene.clock.now(),
    )


def unfinished(scene: Scene) -> Record:
    """A failed record with all fields set."""
    workflow = scene.workflow(pushed_at=ago(scene.clock, 100))
    record = claim_record(None, context=scene.context(workflow, pod="first"))
    assert record is not None
    agent = Agent(
        kind="coderuns",
        name="run",
        uid="u",
        job="",
        agent="5DLabs-Tess",
        created_at=record.watermark,
        outcome=RunOutcome.GONE,
        reason="stale",
    )
    return replace(
        record,
        phase=Phase.FAILED,
        attempts=3,
        finished_at=scene.clock.now(),
        proven_gone_at=scene.clock.now(),
        pull_request=PullRequest(number=1, head_sha=NEW, labels=("ready-for-qa",)),
        labels=LabelOutcome.HEAD_MOVED,
        left_to=NEWER,
        agents=(agent,),
        errors=("before",),
    )


def test_resuming_keeps_the_agents_and_the_start_time_and_resets_the_rest(scene: Scene) -> None:
    stored = replace(unfinished(scene), open_heads=(OLDEST,))
    scene.later(20)
    newer = scene.workflow(sha=NEWER, before=NEW)
    context = scene.context(newer, pod="second")
    watermark = first_watermark(newer.push, created_at=newer.created_at, settings=DEFAULTS.push)
    assert decide_push(stored, context=context) == Resume(push=newer.push, watermark=watermark)
    assert claim_record(stored, context=context) == replace(
        stored,
        push=newer.push,
        older=(OLD, NEW),
        watermark=watermark,
        phase=Phase.IN_PROGRESS,
        attempts=4,
        workflow=newer.name,
        workflow_uid=newer.uid,
        finished_at=None,
        proven_gone_at=None,
        pull_request=None,
        labels=LabelOutcome.PENDING,
        left_to="",
        open_heads=None,
    )


def test_the_end_of_a_branch_that_lives_on_finishes_the_unfinished_push_of_the_branch(scene: Scene) -> None:
    stored = unfinished(scene)
    scene.later(20)
    context = scene.context(scene.ended(), pod="second")
    assert decide_push(stored, context=context) == Resume(push=stored.push, watermark=stored.watermark)


def test_a_finished_push_is_superseded_and_the_log_names_the_commit(scene: Scene) -> None:
    stored = replace(unfinished(scene), phase=Phase.COMPLETED, labels=LabelOutcome.MOVED)
    context = scene.context(scene.workflow(sha=NEWER, pushed_at=stored.push.pushed_at), pod="second")
    assert decide_push(stored, context=context) == Superseded(by=stored.push.sha)
    assert claim_record(stored, context=context) is None
    assert [line["by"] for line in scene.events() if "superseded" in line["event"]] == [stored.push.sha]


def test_a_record_that_a_helper_resumes_names_the_helper(scene: Scene) -> None:
    stored = unfinished(scene)
    scene.later(20)
    context = replace(scene.context(scene.workflow(sha=NEWER, before=NEW), pod="second"), helper="another")
    resumed = claim_record(stored, context=context)
    assert resumed is not None
    assert (resumed.push.sha, resumed.helper) == (NEWER, "another")


def test_a_push_whose_own_workflow_has_begun_is_not_helped(scene: Scene) -> None:
    stored = unfinished(scene)
    context = scene.context(scene.workflow(pushed_at=stored.push.pushed_at), pod="second")
    own = replace(context, holder=replace(context.holder, workflow_uid=stored.workflow_uid))
    assert claim_record(stored, context=own) is not None
    assert claim_record(stored, context=replace(own, helper="another")) is None
    assert claim_record(stored, context=replace(context, helper="another")) is not None


# GitHub's list of pushes is read if the order is doubtful.


@pytest.mark.parametrize(
    ("left_to", "before", "requests"),
    [(NEWER, ZERO_SHA, 1), (NEWER, NEW, 0), (OLDEST, ZERO_SHA, 0), ("", ZERO_SHA, 0), (OLDEST, NEW, 0)],
)
def test_a_head_that_labels_were_left_to_may_be_an_old_one(
    scene: Scene, left_to: str, before: str, requests: int
) -> None:
    stored = replace(unfinished(scene), phase=Phase.COMPLETED, left_to=left_to)
    scene.later(20)
    decide_push(stored, context=scene.context(scene.workflow(sha=NEWER, before=before), pod="second"))
    assert activity_requests(scene) == requests


def test_a_push_on_a_commit_that_is_older_than_a_repaired_head_is_in_doubt(scene: Scene) -> None:
    stored = unfinished(scene)
    stored = replace(stored, phase=Phase.COMPLETED, push=replace(stored.push, before=Sha(ZERO_SHA)), older=(OLDEST,))
    scene.later(20)
    decide_push(stored, context=scene.context(scene.workflow(sha=NEWER, before=OLDEST), pod="second"))
    assert activity_requests(scene) == 1


def test_if_github_cannot_be_read_the_commits_decide_as_the_settings_say(scene: Scene) -> None:
    stored = replace(unfinished(scene), phase=Phase.COMPLETED, left_to=NEWER)
    scene.later(20)
    scene.github.fault(github_fails(502), path="/activity", times=99)
    workflow = scene.workflow(sha=NEWER, before=ZERO_SHA)
    with pytest.raises(UnavailableError):
        decide_push(stored, context=scene.context(workflow, pod="second"))
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    assert isinstance(decide_push(stored, context=scene.context(workflow, pod="third")), Start)
    warned = [line["event"] for line in scene.events() if line["event"].startswith("GitHub cannot be read")]
    assert warned == ["GitHub cannot be read: the commits decide which push is newer"]

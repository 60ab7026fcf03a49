"""The record that a Lease is taken with: which one, for which push, and what of an earlier attempt it forgets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from steps.cancellation.claim import claim_record, decide_push, watermark_for
from steps.domain.decisions import Resume, Start, Superseded
from steps.domain.push import RECONCILE_REASON
from steps.domain.record import Agent, LabelOutcome, Phase, PullRequest, Record, RunOutcome
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene, ago

TOLERANCE_S = DEFAULTS.push.tolerance_s


@pytest.mark.parametrize(
    ("reason", "late_s", "reach_s"),
    [
        ("push", 2, 2),
        ("push", TOLERANCE_S + 1, TOLERANCE_S),
        (RECONCILE_REASON, 2, 0),
        (RECONCILE_REASON, TOLERANCE_S + 1, 0),
    ],
)
def test_a_push_reaches_as_far_as_its_workflow_or_its_time_and_the_tolerance_which_reconcile_has_none_of(
    scene: Scene, reason: str, late_s: float, reach_s: float
) -> None:
    push = replace(scene.workflow().push, reason=reason)
    watermark = watermark_for(push, created_at=push.pushed_at + timedelta(seconds=late_s), settings=DEFAULTS.push)
    assert watermark == push.pushed_at + timedelta(seconds=reach_s)


def test_a_first_push_starts_with_a_record_of_its_own(scene: Scene) -> None:
    workflow = scene.workflow()
    scene.later(3)
    context = scene.context(workflow, pod="pod")
    assert decide_push(None, context=context) == Start(push=workflow.push, watermark=workflow.created_at)
    assert claim_record(None, context=context) == Record(
        push=workflow.push,
        watermark=workflow.created_at,
        phase=Phase.IN_PROGRESS,
        attempts=1,
        workflow=workflow.name,
        workflow_uid=workflow.uid,
        started_at=scene.clock.now(),
    )


def unfinished(scene: Scene) -> Record:
    """A record that failed after everything had been written down in it."""
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


def test_who_resumes_looks_at_everything_again_but_keeps_what_was_done_and_since_when(scene: Scene) -> None:
    stored = unfinished(scene)
    scene.later(20)
    newer = scene.workflow(sha=NEWER)
    context = scene.context(newer, pod="second")
    assert decide_push(stored, context=context) == Resume(push=newer.push, watermark=newer.created_at)
    assert claim_record(stored, context=context) == replace(
        stored,
        push=newer.push,
        watermark=newer.created_at,
        phase=Phase.IN_PROGRESS,
        attempts=4,
        workflow=newer.name,
        workflow_uid=newer.uid,
        finished_at=None,
        proven_gone_at=None,
        pull_request=None,
        labels=LabelOutcome.PENDING,
        left_to="",
    )


def test_what_was_dealt_with_is_superseded_and_the_log_says_by_what(scene: Scene) -> None:
    stored = replace(unfinished(scene), phase=Phase.COMPLETED, labels=LabelOutcome.MOVED)
    context = scene.context(scene.workflow(sha=NEWER, pushed_at=stored.push.pushed_at), pod="second")
    assert decide_push(stored, context=context) == Superseded(by=stored.push.sha)
    assert claim_record(stored, context=context) is None
    assert [line["by"] for line in scene.events() if "superseded" in line["event"]] == [stored.push.sha]

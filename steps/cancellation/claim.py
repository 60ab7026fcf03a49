"""From a decision to the record that the Lease is taken with: one write takes the lock and states the intent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.domain import (
    RECONCILE_REASON,
    ClaimDecision,
    LabelOutcome,
    Phase,
    Record,
    Resume,
    Start,
    Superseded,
    decide_claim,
    push_watermark,
)

if TYPE_CHECKING:
    from datetime import datetime

    from steps.domain import Push
    from steps.runtime import StepContext
    from steps.settings import PushSettings


def watermark_for(push: Push, *, created_at: datetime, settings: PushSettings) -> datetime:
    """The watermark that a push begins with.

    A push that reconcile brings is minutes late, and agents of the new code may have started right after it: its own
    time alone bounds what is stale, with no tolerance for them to fall into.

    Args:
        push: The push.
        created_at: creationTimestamp of its Workflow.
        settings: The tolerance between GitHub's clock and the cluster's.
    """
    tolerance_s = 0.0 if push.reason == RECONCILE_REASON else settings.tolerance_s
    return push_watermark(created_at=created_at, pushed_at=push.pushed_at, tolerance_s=tolerance_s)


def decide_push(stored: Record | None, *, context: StepContext) -> ClaimDecision:
    """What this step's push means, given the record as it stands."""
    watermark = watermark_for(context.push, created_at=context.created_at, settings=context.settings.push)
    return decide_claim(stored, push=context.push, watermark=watermark)


def claim_record(stored: Record | None, *, context: StepContext) -> Record | None:
    """The record to take the Lease with; None if the push is superseded."""
    decided = decide_push(stored, context=context)
    now = context.clock.now()
    match decided:
        case Superseded(by=sha):
            context.log.info("superseded: this push or a newer one has been dealt with", by=sha)
            return None
        case Start(push=push, watermark=watermark):
            return Record(
                push=push,
                watermark=watermark,
                phase=Phase.IN_PROGRESS,
                attempts=1,
                workflow=context.workflow,
                workflow_uid=context.holder.workflow_uid,
                started_at=now,
            )
        case Resume(push=push, watermark=watermark):
            if stored is None:
                raise AssertionError("only a record can be resumed")
            context.log.info("resuming an unfinished cancellation", of=push.sha, earlier_workflow=stored.workflow)
            return replace(
                stored,
                push=push,
                watermark=watermark,
                phase=Phase.IN_PROGRESS,
                attempts=stored.attempts + 1,
                workflow=context.workflow,
                workflow_uid=context.holder.workflow_uid,
                finished_at=None,
                proven_gone_at=None,
                pull_request=None,
                labels=LabelOutcome.PENDING,
                left_to="",
            )

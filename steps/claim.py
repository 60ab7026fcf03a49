"""From a decision to the record that the Lease is taken with: one write takes the lock and states the intent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.decisions import Claim, Resume, Start, Superseded, decide_claim, watermark
from steps.push import RECONCILE
from steps.record import Labels, Phase, Record

if TYPE_CHECKING:
    from datetime import datetime

    from steps.context import Context
    from steps.push import Push
    from steps.rules import PushRules


def mark_of(push: Push, *, created_at: datetime, rules: PushRules) -> datetime:
    """The watermark that a push begins with.

    A push that reconcile brings is minutes late, and agents of the new code may have started right after it: its own
    time alone bounds what is stale, with no tolerance for them to fall into.

    Args:
        push: The push.
        created_at: creationTimestamp of its Workflow.
        rules: The tolerance between GitHub's clock and the cluster's.
    """
    tolerance_s = 0.0 if push.reason == RECONCILE else rules.tolerance_s
    return watermark(created_at=created_at, pushed_at=push.pushed_at, tolerance_s=tolerance_s)


def decision(stored: Record | None, *, context: Context) -> Claim:
    """What this step's push means, given the record as it stands."""
    mark = mark_of(context.push, created_at=context.created_at, rules=context.settings.push)
    return decide_claim(stored, push=context.push, mark=mark)


def claim(stored: Record | None, *, context: Context) -> Record | None:
    """The record to take the Lease with; None if the push is superseded."""
    decided = decision(stored, context=context)
    now = context.clock.now()
    match decided:
        case Superseded(by=sha):
            context.log.info("superseded: this push or a newer one has been dealt with", by=sha)
            return None
        case Start(push=push, watermark=mark):
            return Record(
                push=push,
                watermark=mark,
                phase=Phase.IN_PROGRESS,
                attempts=1,
                workflow=context.workflow,
                workflow_uid=context.holder.workflow_uid,
                started_at=now,
            )
        case Resume(push=push, watermark=mark):
            if stored is None:
                raise AssertionError("only a record can be resumed")
            context.log.info("resuming an unfinished cancellation", of=push.sha, earlier_workflow=stored.workflow)
            return replace(
                stored,
                push=push,
                watermark=mark,
                phase=Phase.IN_PROGRESS,
                attempts=stored.attempts + 1,
                workflow=context.workflow,
                workflow_uid=context.holder.workflow_uid,
                finished_at=None,
                proven_gone_at=None,
                pull_request=None,
                labels=Labels.PENDING,
                left_to="",
            )

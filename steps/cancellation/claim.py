"""Builds the record that a step takes the task's Lease with.

Guarantees that the decision is made on the stored record. One write takes the Lease and stores the new record.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.domain import (
    OPENED_REASON,
    ZERO_SHA,
    ClaimDecision,
    LabelOutcome,
    Phase,
    Record,
    Resume,
    Start,
    Superseded,
    decide_claim,
    decide_living,
    is_order_doubtful,
    known_older,
    push_watermark,
    request_watermark,
)
from steps.pull_request import is_newer_push, lives_on
from steps.runtime import UnreadableGitHub

if TYPE_CHECKING:
    from datetime import datetime

    from steps.domain import Push
    from steps.runtime import StepContext
    from steps.settings import PushSettings


def first_watermark(push: Push, *, created_at: datetime, settings: PushSettings) -> datetime:
    """Return the watermark to take the Lease with, before the two clocks are compared.

    It assumes the largest tolerated difference of the clocks, so it is the lowest possible one. `measured_watermark`
    raises it before a run is stopped. The watermark of a request that includes newer runs needs one clock only.

    Args:
        push: The push.
        created_at: creationTimestamp of its Workflow.
        settings: The tolerance between GitHub's clock and the API server's, in seconds.
    """
    if push.includes_newer:
        return request_watermark(created_at=created_at)
    return push_watermark(created_at=created_at, pushed_at=push.pushed_at, offset_s=-settings.tolerance_s)


def measured_watermark(record: Record, *, context: StepContext, offset_s: float | None) -> datetime:
    """Return the watermark of the record's push by the API server's clock. It is never lower than the recorded one.

    Args:
        record: The record with the push that is being processed.
        context: The step.
        offset_s: Seconds by which the API server's clock is ahead of GitHub's; None if it could not be measured. Then
            the clocks are assumed to be equal.
    """
    if record.push.includes_newer:
        return record.watermark
    tolerance_s = context.settings.push.tolerance_s
    if offset_s is not None and abs(offset_s) > tolerance_s:
        context.log.warning(
            "GitHub's clock and the API server's differ by more than push.tolerance_s: set the clocks",
            offset_s=round(offset_s),
        )
    # The push of another Workflow may be later than this Workflow.
    created_at = context.created_at if record.push.sha == context.push.sha else None
    carried_over = push_watermark(created_at=created_at, pushed_at=record.push.pushed_at, offset_s=offset_s or 0.0)
    return max(record.watermark, carried_over)


def decide_push(stored: Record | None, *, context: StepContext) -> ClaimDecision:
    """Decide about this step's push by the stored record.

    Raises:
        UnavailableError: The order of the two pushes is doubtful, or the push is the end of a branch, and GitHub cannot
            be read.
    """
    if lives_on(stored, context=context):
        context.log.info("branch has an open pull request, its end changes nothing", branch=context.push.branch)
        return decide_living(stored, push=context.push)
    watermark = first_watermark(context.push, created_at=context.created_at, settings=context.settings.push)
    listed_newer = _listed_newer(stored, context=context)
    return decide_claim(stored, push=context.push, watermark=watermark, listed_newer=listed_newer)


def _listed_newer(stored: Record | None, *, context: StepContext) -> bool | None:
    """Ask GitHub which push is newer if the commits and the times do not agree; None if nobody knows.

    A head that labels were left to may be an old one that GitHub still showed.
    """
    push = context.push
    known = stored.latest_push(push.ref) if stored and push.reason != OPENED_REASON else None
    if known is None:
        return None
    left_to = known.left_to == push.sha and push.before == ZERO_SHA
    if not left_to and not is_order_doubtful(push, known=known.push, older=known.older):
        return None
    with UnreadableGitHub("the commits decide which push is newer", context=context):
        github = context.clients.github(lambda: None)
        return is_newer_push(push, known=known.push, github=github, log=context.log)
    return None


def claim_record(stored: Record | None, *, context: StepContext) -> Record | None:
    """Return the record to take the Lease with; None if the push is superseded, or is helped although it has begun."""
    if context.helper and stored and _is_own_matter(stored, context=context):
        context.log.info("not helped: the push's own Workflow has begun, or the push is finished")
        return None
    decision = decide_push(stored, context=context)
    now = context.now()
    match decision:
        case Superseded(by=sha):
            context.log.info("superseded: this push or a newer one is finished", by=sha)
            return None
        case Start(push=push, watermark=watermark):
            return Record(
                push=push,
                watermark=watermark,
                phase=Phase.IN_PROGRESS,
                attempts=1,
                workflow=context.workflow,
                workflow_uid=context.holder.workflow_uid,
                helper=context.helper,
                started_at=now,
                older=_known_older(stored, push=push),
                branches=stored.branches_beside(push.ref) if stored else (),
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
                helper=context.helper,
                finished_at=None,
                proven_gone_at=None,
                pull_request=None,
                labels=LabelOutcome.PENDING,
                left_to="",
                open_heads=None,
                older=known_older(stored, push=push) if push.sha != stored.push.sha else stored.older,
            )


def _is_own_matter(stored: Record, *, context: StepContext) -> bool:
    """Whether a push is left to its own Workflow: that one has begun, or it only looks again at labels that stayed."""
    done = stored.finished_push(context.push.ref)
    begun = stored.workflow_uid == context.holder.workflow_uid
    return begun or (done is not None and done.push.sha == context.push.sha)


def _known_older(stored: Record | None, *, push: Push) -> tuple[str, ...]:
    """Return the commits that are older than a push that starts, from the latest push of its branch."""
    done = stored.finished_push(push.ref) if stored else None
    return known_older(done, push=push) if done else ()

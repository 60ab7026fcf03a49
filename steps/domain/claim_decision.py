"""Decides what the holder of a task's Lease does with a push: start, resume, or nothing because it is superseded.

Guarantees that the newest push decides in any order of events, and that an unfinished record is always finished. The
reasons are in docs/decisions/0001-watermark.md and 0005-a-delivery-may-come-twice.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.domain.push import OPENED_REASON
from steps.domain.push_order import is_newer_than_known
from steps.domain.record import LabelOutcome

if TYPE_CHECKING:
    from steps.domain.push import Push
    from steps.domain.record import FinishedPush, Record

# Why labels stayed, if the reason may go: a person removes the skip label, opens or labels a pull request, or GitHub
# answers again.
_MAY_GO = (
    LabelOutcome.SKIPPED,
    LabelOutcome.UNREADABLE,
    LabelOutcome.NO_PULL_REQUEST,
    LabelOutcome.AMBIGUOUS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start a new cancellation for this push."""

    push: Push
    watermark: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Finish the recorded cancellation, for the newer of the two pushes."""

    push: Push
    watermark: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Do nothing: this push or a newer one is finished.

    Attributes:
        by: SHA of the recorded push.
    """

    by: str


ClaimDecision = Start | Resume | Superseded


def decide_claim(
    record: Record | None, *, push: Push, watermark: datetime, listed_newer: bool | None = None
) -> ClaimDecision:
    """Decide what the holder of the Lease does with this push.

    `is_newer` orders the pushes of a branch. The creation time of a Workflow does not, because an event can be repeated
    or late while agents of a newer push already work. Pushes of different branches never supersede each other: each
    branch has a pull request, and its labels. If the branch's latest push is finished and this one is not newer, it is
    superseded, unless it is to move labels that stayed. An unfinished record is always finished first, whatever its
    branch. Only a newer push of the same branch takes it over. The watermark never goes back. A request that includes
    newer runs starts again although its push is finished; its watermark says whether it has done so already.

    Args:
        record: The task's record; None if the task has none.
        push: The push of this Workflow.
        watermark: The watermark of this push.
        listed_newer: Whether GitHub lists this push after the recorded push of its branch; None if GitHub was not
            asked, or does not tell.
    """
    if push.reason == OPENED_REASON:
        return _decide_opened(record, push=push)
    if record is None:
        return Start(push=push, watermark=watermark)
    known = record.latest_push(push.ref)
    newer = known is None or (is_newer_than_known(push, known=known) if listed_newer is None else listed_newer)
    if not record.finished and not (newer and push.ref == record.push.ref):
        return _resume(record)
    if newer or known is None:
        return (Start if record.finished else Resume)(push=push, watermark=max(watermark, record.watermark))
    older = listed_newer is False
    return _decide_finished(record, push=push, watermark=watermark, done=known, older=older)


def _decide_finished(
    record: Record, *, push: Push, watermark: datetime, done: FinishedPush, older: bool
) -> ClaimDecision:
    # After an end, a pull request may be open again with the last commit as its head.
    if push.includes_newer and push.sha in (done.push.sha, done.push.newest_commit) and watermark > record.watermark:
        return Start(push=push, watermark=watermark)
    return _labels_or_nothing(record, _labels_due(done, push=push, older=older), done=done)


def _labels_or_nothing(record: Record, due: Push | None, *, done: FinishedPush) -> ClaimDecision:
    if due is None:
        return Superseded(by=done.push.sha)
    return (Resume if record.push.ref == due.ref else Start)(push=due, watermark=record.watermark)


def _decide_opened(record: Record | None, *, push: Push) -> ClaimDecision:
    """Decide about a pull request that was opened or opened again. It makes no agent stale.

    It only moves labels that its head's push left, and says in the comment of an ended branch that it lives again.
    """
    done = record.finished_push(push.ref) if record else None
    if record is None or done is None:
        return Superseded(by="") if record is None or record.finished else _resume(record)
    if not record.finished:
        return _resume(record)
    again = done.push.ends and done.push.before == push.sha and done.labels is LabelOutcome.CLOSED
    return _labels_or_nothing(record, done.push if again else _labels_due(done, push=push, older=False), done=done)


def decide_living(record: Record | None, *, push: Push) -> Resume | Superseded:
    """Decide about the end of a branch that lives on, because it has an open pull request.

    It changes nothing, so that the branch's own push keeps its place in the record: it is finished if it is not, its
    labels may be due, or it may still come. An unfinished record is finished first, as always.

    Args:
        record: The task's record; None if the task has none.
        push: The end.
    """
    if record is not None and not record.finished:
        return _resume(record)
    known = record.latest_push(push.ref) if record else None
    return Superseded(by=known.push.sha if known else "")


def _resume(record: Record) -> Resume:
    return Resume(push=record.push, watermark=record.watermark)


def _labels_due(done: FinishedPush, *, push: Push, older: bool) -> Push | None:
    """Return the push whose labels this push moves although its branch is finished; None if it moves none.

    The labels were left to the commit of this push, or they stayed for a reason that may have gone. Then the recorded
    push has to come again. An older one does not do: in a burst of pushes, each would start a pod to look again. If the
    push that the labels were left to is older by GitHub's list or times, GitHub showed an old head: the recorded push
    moves them.
    """
    if done.labels is LabelOutcome.HEAD_MOVED and done.left_to == push.sha != done.push.sha:
        return done.push if older or push.pushed_at < done.push.pushed_at else push
    return done.push if done.labels in _MAY_GO and push.sha == done.push.sha else None

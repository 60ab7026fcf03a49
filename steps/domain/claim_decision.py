"""What the holder of a task's Lease does with a push: start, resume, or nothing because it is superseded.

Guarantees: the newest push has the last word in any order of events, and an unfinished record is always finished.
Reasons: docs/decisions/0001-watermark.md and 0005-a-delivery-may-come-twice.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.domain.push_order import is_newer
from steps.domain.record import LabelOutcome
from steps.domain.watermark import raised_watermark

if TYPE_CHECKING:
    from steps.domain.push import Push
    from steps.domain.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A new cancellation for this push."""

    push: Push
    watermark: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Finish what the record says, for the newer of the two pushes."""

    push: Push
    watermark: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Nothing to do: this push, or a newer one, has been dealt with."""

    by: str


ClaimDecision = Start | Resume | Superseded


def decide_claim(record: Record | None, *, push: Push, watermark: datetime) -> ClaimDecision:
    """What the holder of the lock does with this push.

    `is_newer` orders pushes; when a Workflow was created does not, since an event can be repeated or come late while
    agents of a newer push are at work already. A push that is not newer than a finished record's is superseded,
    with exceptions that keep the labels right: the record left the labels to exactly this SHA, a person's skip label
    stopped it, or GitHub could not be read. An unfinished record is always finished; only a newer push takes it over
    and may raise the watermark, which never goes back.
    """
    if record is None:
        return Start(push=push, watermark=watermark)
    if is_newer(push, than=record.push):
        return (Start if record.finished else Resume)(
            push=push, watermark=raised_watermark(record, push=push, watermark=watermark)
        )
    if not record.finished:
        return Resume(push=record.push, watermark=record.watermark)
    if record.labels is LabelOutcome.HEAD_MOVED and record.left_to == push.sha != record.push.sha:
        return Resume(push=push, watermark=record.watermark)
    if record.labels in (LabelOutcome.SKIPPED, LabelOutcome.UNREADABLE):
        return Resume(push=record.push, watermark=record.watermark)
    return Superseded(by=record.push.sha)

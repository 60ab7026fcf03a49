"""The watermark: the moment up to which the runs of a task are stale.

Guarantees: a watermark never goes back, and no run that may be newer than the push is at or before it. Why a watermark
decides: docs/decisions/0001-watermark.md.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from steps.domain.push_order import is_newer

if TYPE_CHECKING:
    from steps.domain.push import Push
    from steps.domain.record import Record

# Both clocks are read in whole seconds, and so are the times that are compared: GitHub's time of a push, and a run's
# creationTimestamp. A run that was created within this many seconds of a push may be on either side of it.
RESOLUTION_S = 2.0


def push_watermark(*, created_at: datetime | None, pushed_at: datetime, offset_s: float) -> datetime:
    """The moment up to which runs are stale for one push, by the API server's clock.

    A run that was created at the push, as far as the clocks can tell, is kept: a wrong delete costs hours.

    Args:
        created_at: creationTimestamp of the push's Workflow: no run that was created after it can be stale. None if it
            is not known.
        pushed_at: When GitHub took the push, by GitHub's clock.
        offset_s: Seconds by which the API server's clock is ahead of GitHub's, as their answers are dated.
    """
    carried_over = pushed_at + timedelta(seconds=offset_s - RESOLUTION_S)
    bounded = min(created_at, carried_over) if created_at else carried_over
    return bounded.astimezone(UTC).replace(microsecond=0)


def raised_watermark(record: Record, *, push: Push, watermark: datetime) -> datetime:
    """The watermark of a record that a push takes over: only a newer push may raise it, and it never goes back."""
    return max(watermark, record.watermark) if is_newer(push, than=record.push) else record.watermark

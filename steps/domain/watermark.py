"""The watermark: the time up to which the runs of a task are stale.

Guarantees that it is earlier than each run that may be newer than the push. `decide_claim` never lowers a recorded one.
The reasons are in docs/decisions/0001-watermark.md.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

# Both clocks and both times (GitHub's time of a push, a run's creationTimestamp) are in whole seconds. So the order of
# a push and a run that was created within this many seconds of it is not known.
RESOLUTION_S = 2.0
# The same for a run and a Workflow: one clock stamps both.
_SAME_CLOCK_RESOLUTION_S = 1.0


def push_watermark(*, created_at: datetime | None, pushed_at: datetime, offset_s: float) -> datetime:
    """Return the time up to which runs are stale for one push, by the API server's clock.

    If the clocks cannot order a run and the push, the run is kept, because a wrong delete costs hours.

    Args:
        created_at: creationTimestamp of the push's Workflow; None if it is not known. Runs that were created after it
            are never stale.
        pushed_at: Time when GitHub received the push, by GitHub's clock.
        offset_s: Seconds by which the API server's clock is ahead of GitHub's.
    """
    carried_over = pushed_at + timedelta(seconds=offset_s - RESOLUTION_S)
    bounded = min(created_at, carried_over) if created_at else carried_over
    return bounded.astimezone(UTC).replace(microsecond=0)


def request_watermark(*, created_at: datetime) -> datetime:
    """Return the time up to which runs are stale for a request that also stops what began after the head's push.

    Args:
        created_at: creationTimestamp of the request's Workflow.
    """
    return created_at.astimezone(UTC).replace(microsecond=0) - timedelta(seconds=_SAME_CLOCK_RESOLUTION_S)

"""The repair attempts of a task and its escalation, as they are stored in the metadata of the task's Lease.

Guarantees that metadata that cannot be read means no attempts. steps.reconciliation.attempts writes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.core import PREFIX, parse_time

if TYPE_CHECKING:
    from steps.kube import Json

ATTEMPTS_ANNOTATION = f"{PREFIX}/repairs"
ATTENTION_LABEL = f"{PREFIX}/needs-attention"
# A larger count was written by hand.
_MAX_COUNT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairAttempts:
    """The repair attempts of one task.

    Attributes:
        count: Attempts since the task was last healthy or escalated.
        total: All attempts.
        last_at: Time when the last attempt was counted; None if there was none.
    """

    count: int = 0
    total: int = 0
    last_at: datetime | None = None

    def ready_at(self, now: datetime, *, backoff_s: float, longest: int) -> bool:
        """Whether the pause after the last attempt is over.

        Args:
            now: The current time.
            backoff_s: Pause after the first attempt, in seconds. It doubles with each further attempt.
            longest: Number of the attempt after which the pause no longer doubles.
        """
        if self.last_at is None or not self.count:
            return True
        # A time in the future comes from a wrong clock. It must not delay the task.
        return not 0 <= (now - self.last_at).total_seconds() < backoff_s * 2 ** (min(self.count, longest) - 1)


def read_attempts(metadata: Json) -> RepairAttempts:
    """Read the attempts from the metadata of a Lease. If they cannot be read, there are none."""
    try:
        found = json.loads((metadata.get("annotations") or {})[ATTEMPTS_ANNOTATION])
        counted = min(max(0, int(found["count"])), _MAX_COUNT)
        total = min(max(counted, int(found.get("total", 0))), _MAX_COUNT)
        return RepairAttempts(count=counted, total=total, last_at=parse_time(found["at"]))
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError):
        return RepairAttempts()


def is_escalated(metadata: Json) -> bool:
    """Whether the task is escalated to a person."""
    return ATTENTION_LABEL in (metadata.get("labels") or {})

"""GitHub's two rate limits, on an injected clock.

Guarantees: the primary limit counts per principal and hour, the optional secondary limit counts points per minute
(1 for a read, 5 for a write). Does not: model concurrency, CPU seconds or content-creation limits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.doubles.github.messages import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_S = 3600
MINUTE_S = 60
ANONYMOUS_LIMIT = 60
WRITE_POINTS = 5
_LIMITS_DOC = "/using-the-rest-api/rate-limits-for-the-rest-api"


@dataclass(slots=True)
class _Window:
    ends: float
    used: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much of its limit a principal has used in the current hour."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        """Give the calls left."""
        return max(self.limit - self.used, 0)

    def headers(self) -> dict[str, str]:
        """Render the x-ratelimit headers, which every answer carries."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-resource": "core",
        }


class Limits:
    """Counts calls. `primary` and `secondary_points` may be changed while it runs."""

    def __init__(self, *, clock: Callable[[], float], primary: int, secondary_points: int | None) -> None:
        self._clock = clock
        self._hours: dict[str, _Window] = {}
        self._minutes: dict[str, _Window] = {}
        self.primary = primary
        self.secondary_points = secondary_points
        self.refusal_status = 403
        """GitHub answers 403 or 429; clients must cope with both."""
        self.retry_after = True
        """Whether a refusal by the secondary limit says when to come back."""

    def usage(self, principal: str | None) -> Usage:
        """Return the limit without counting."""
        window = self._window(self._hours, principal, WINDOW_S)
        return Usage(limit=self._limit(principal), used=window.used, reset=int(window.ends))

    def exhaust(self, principal: str | None) -> None:
        """Use up the hour, as another program with the same credential would."""
        self._window(self._hours, principal, WINDOW_S).used = self._limit(principal)

    def check(self, principal: str | None, *, method: str) -> None:
        """Refuse a call beyond a limit.

        Raises:
            ApiError: with the message and headers by which clients tell the two limits apart.
        """
        usage = self.usage(principal)
        if usage.remaining == 0:
            raise primary_refusal(who=principal, usage=usage, status=self.refusal_status, now=self._clock())
        if self.secondary_points is None:
            return
        window = self._window(self._minutes, principal, MINUTE_S)
        points = 1 if method in {"GET", "HEAD"} else WRITE_POINTS
        if window.used + points > self.secondary_points:
            wait = max(int(window.ends - self._clock()) + 1, 1) if self.retry_after else None
            raise secondary_refusal(status=self.refusal_status, retry_after=wait)
        window.used += points

    def count(self, principal: str | None) -> None:
        """Charge one call to the hour."""
        self._window(self._hours, principal, WINDOW_S).used += 1

    def _limit(self, principal: str | None) -> int:
        return ANONYMOUS_LIMIT if principal is None else self.primary

    def _window(self, windows: dict[str, _Window], principal: str | None, length: float) -> _Window:
        now = self._clock()
        window = windows.get(principal or "")
        if window is None or now >= window.ends:
            window = windows[principal or ""] = _Window(ends=now + length)
        return window


def primary_refusal(*, who: str | None, usage: Usage, status: int, now: float) -> ApiError:
    """Build the answer of an exhausted hour; it has no Retry-After, only x-ratelimit-reset."""
    kind, _, name = (who or "").partition(":")
    subject = {"user": f"user ID {name}", "installation": f"installation ID {name}"}.get(kind, "127.0.0.1")
    stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    message = (
        f"API rate limit exceeded for {subject}. If you reach out to GitHub Support, include the timestamp {stamp}."
    )
    return ApiError(status=status, message=message, documentation=_LIMITS_DOC, headers=usage.headers())


def secondary_refusal(*, status: int, retry_after: int | None) -> ApiError:
    """Build the answer of a client that goes too fast; the hour may be far from exhausted."""
    return ApiError(
        status=status,
        message="You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        documentation=_LIMITS_DOC,
        headers={} if retry_after is None else {"retry-after": str(retry_after)},
    )

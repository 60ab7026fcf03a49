"""Clocks, which tests can replace.

Guarantees that wall-clock time is only written down. Decisions about durations use the monotonic clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Protocol):
    """The clock that the steps use."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC, for timestamps only."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, for durations and deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        ...


class SystemClock:
    """The clock of this machine."""

    def __init__(self, *, before_sleep: Callable[[], None] = lambda: None) -> None:
        """Create a clock.

        Args:
            before_sleep: Called before each pause. If it raises, the pause does not start.
        """
        self._before_sleep = before_sleep

    def now(self) -> datetime:
        """Return the wall-clock time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        self._before_sleep()
        time.sleep(seconds)


def format_time(moment: datetime) -> str:
    """Format a time like a creationTimestamp: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(moment: datetime) -> str:
    """Format a time like a Lease's MicroTime: RFC 3339, UTC, six digits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time.

    Raises:
        ValueError: `text` is not RFC 3339 or has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of range") from error


def parse_optional_time(text: object) -> datetime | None:
    """Parse an RFC 3339 time; return None if `text` is not one."""
    try:
        return parse_time(text) if isinstance(text, str) else None
    except ValueError:
        return None


class ServerClock:
    """A server's clock, measured by the `Date` headers of its answers and this machine's monotonic clock.

    Two of them compare two servers' clocks; this machine's wall clock plays no part. A `Date` has whole seconds. An
    answer that was slow, or a process that stood still, makes a single measurement too early or too late. So each
    answer bounds the clock from both sides, and the closest bounds of all answers count.
    """

    def __init__(self) -> None:
        self._at_least_s: float | None = None
        self._at_most_s: float | None = None

    def observe(self, date: str | None, *, sent: float, arrived: float) -> None:
        """Use the `Date` header of an answer. A missing or malformed date changes nothing.

        Args:
            date: The header.
            sent: This machine's monotonic clock before the request, in seconds.
            arrived: The same at the answer.
        """
        try:
            stamp = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        at_least_s, at_most_s = stamp - arrived, stamp - sent
        self._at_least_s = at_least_s if self._at_least_s is None else max(self._at_least_s, at_least_s)
        self._at_most_s = at_most_s if self._at_most_s is None else min(self._at_most_s, at_most_s)

    @property
    def uncertainty_s(self) -> float | None:
        """Seconds between the two bounds, without the resolution of a `Date`; None until the server has answered."""
        if self._at_least_s is None or self._at_most_s is None:
            return None
        return self._at_most_s - self._at_least_s

    def at(self, monotonic: float) -> datetime | None:
        """Return the server's time, in UTC; None until it has answered. It is never later than the truth.

        Args:
            monotonic: This machine's monotonic clock at that time, in seconds.
        """
        return None if self._at_least_s is None else datetime.fromtimestamp(self._at_least_s + monotonic, UTC)

    def ahead_of_s(self, other: ServerClock) -> float | None:
        """Return the seconds by which this clock is ahead of the other; None until both servers have answered.

        It is more than the truth by one second at most, the resolution of a `Date`. Slow answers only make it less.
        """
        if self._at_least_s is None or other._at_most_s is None:
            return None
        return self._at_least_s - other._at_most_s

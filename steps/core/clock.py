"""Clocks, which tests can replace.

Guarantees that wall-clock time is only written down. Decisions about durations use the monotonic clock.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


_DATE_S = 1.0
_FRESH = ("", "0")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """Bounds of a server's clock less this machine's monotonic clock, in seconds. A `Date` may be one second early."""

    at_least_s: float
    at_most_s: float

    def beyond_s(self, other: _Bounds) -> float:
        """Seconds by which this clock is certainly ahead of the other one; negative if they may be one clock."""
        return self.at_least_s - other.at_most_s - _DATE_S

    def within(self, other: _Bounds) -> _Bounds:
        """Return the closest bounds of both."""
        return _Bounds(
            at_least_s=max(self.at_least_s, other.at_least_s), at_most_s=min(self.at_most_s, other.at_most_s)
        )


class ServerClock:
    """A server's clock, measured by the `Date` headers of its answers and this machine's monotonic clock.

    Two of them compare two servers' clocks; this machine's wall clock plays no part. A `Date` has whole seconds. An
    answer that was slow, or a process that stood still, makes a single measurement too early or too late. So each
    answer bounds the clock from both sides, and the closest bounds of all answers count.

    Behind one address may be several servers, whose clocks differ. If two answers cannot come from one clock, the
    slowest and the fastest clock are kept apart, and a comparison uses the one that makes a run look newer. It knows
    only clocks that have answered: if one wrong clock gave all answers, it is believed.
    """

    def __init__(self) -> None:
        self._slowest: _Bounds | None = None
        self._fastest: _Bounds | None = None

    def observe(self, date: str | None, *, sent: float, arrived: float, age: str | None = None) -> None:
        """Use the `Date` header of an answer. A missing or malformed date changes nothing, nor does that of a cache.

        Args:
            date: The header.
            sent: This machine's monotonic clock before the request, in seconds.
            arrived: The same at the answer.
            age: The `Age` header. Above zero, a cache has answered, with the `Date` of an earlier answer.
        """
        try:
            stamp = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        if age and age.strip() not in _FRESH:
            return
        found = _Bounds(at_least_s=stamp - arrived, at_most_s=stamp - sent)
        self._slowest = _closer(self._slowest, found, replaces=lambda kept: kept.beyond_s(found) > 0)
        self._fastest = _closer(self._fastest, found, replaces=lambda kept: found.beyond_s(kept) > 0)

    @property
    def uncertainty_s(self) -> float | None:
        """Seconds between the bounds, without the resolution of a `Date`; None until the server has answered."""
        if self._slowest is None or self._fastest is None:
            return None
        return max(each.at_most_s - each.at_least_s for each in (self._slowest, self._fastest))

    @property
    def spread_s(self) -> float:
        """Seconds by which the clocks behind this address differ at least; zero if they may be one clock."""
        if self._slowest is None or self._fastest is None:
            return 0.0
        return max(0.0, self._fastest.beyond_s(self._slowest))

    def at(self, monotonic: float) -> datetime | None:
        """Return the server's time, in UTC; None until it has answered. No clock that has answered is behind it.

        Args:
            monotonic: This machine's monotonic clock at that time, in seconds.
        """
        return None if self._slowest is None else datetime.fromtimestamp(self._slowest.at_least_s + monotonic, UTC)

    def ahead_of_s(self, other: ServerClock) -> float | None:
        """Return the seconds by which this clock is ahead of the other; None until both servers have answered.

        It is more than the truth by one second at most, the resolution of a `Date`. Slow answers only make it less, and
        so do clocks that differ behind one address.
        """
        if self._slowest is None or other._fastest is None:
            return None
        return self._slowest.at_least_s - other._fastest.at_most_s


def _closer(kept: _Bounds | None, found: _Bounds, *, replaces: Callable[[_Bounds], bool]) -> _Bounds:
    """Return the bounds of the slowest or the fastest clock after a further answer.

    Args:
        kept: The bounds before it; None before the first answer.
        found: The bounds by the answer.
        replaces: Whether the answer comes from a clock that is slower, or faster, than the kept one.
    """
    if kept is None or replaces(kept):
        return found
    one_clock = kept.beyond_s(found) <= 0 and found.beyond_s(kept) <= 0
    return kept.within(found) if one_clock else kept

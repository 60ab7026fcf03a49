"""Time, as something a test can hold still.

Wall time is only ever written down; every decision about how long something took uses the monotonic clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Protocol):
    """What the steps need of time."""

    def now(self) -> datetime:
        """Wall-clock time in UTC, for stamps only."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, for durations and deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own clock."""

    def __init__(self, *, before_sleep: Callable[[], None] = lambda: None) -> None:
        """Know what to look at first.

        Args:
            before_sleep: Called before each pause, which does not begin if it raises.
        """
        self._before_sleep = before_sleep

    def now(self) -> datetime:
        """Wall-clock time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        self._before_sleep()
        time.sleep(seconds)


def format_time(moment: datetime) -> str:
    """Write a moment as the API server writes creationTimestamp: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(moment: datetime) -> str:
    """Write a moment as a Lease's MicroTime: RFC 3339, UTC, six digits."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 moment.

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
    """A moment as somebody else wrote it; None if it is none."""
    try:
        return parse_time(text) if isinstance(text, str) else None
    except ValueError:
        return None


class ServerClock:
    """A server's clock beside this machine's monotonic one, as the server's answers are dated.

    Two of them compare the servers' clocks with each other, whatever this machine's own wall clock says. A date has
    whole seconds, so a comparison may be off by one second either way.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None

    def observe(self, date: str | None, *, monotonic: float) -> None:
        """Note the `Date` header of an answer; a date that is missing or malformed changes nothing.

        Args:
            date: As HTTP writes it.
            monotonic: This machine's monotonic clock when the answer came, in seconds.
        """
        try:
            self._offset_s = parsedate_to_datetime(date or "").timestamp() - monotonic
        except ValueError:
            return

    def ahead_of_s(self, other: ServerClock) -> float | None:
        """Seconds by which this clock is ahead of the other; None until both servers have answered."""
        if self._offset_s is None or other._offset_s is None:
            return None
        return self._offset_s - other._offset_s

"""A clock that a test moves: no test waits for time to pass.

Guarantees: sleeping returns at once and moves both the wall clock and the monotonic clock; what was registered with
`every` is called on the way, in order, so that controllers of the doubles act while a step waits.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class ManualClock:
    """Time that moves only when somebody sleeps or a test says so."""

    def __init__(self, *, start: datetime = START, tick_s: float = 0.25) -> None:
        self._wall = start
        self._monotonic = 1000.0
        self._tick_s = tick_s
        self._due: list[Callable[[], object]] = []

    def every(self, call: Callable[[], object]) -> None:
        """Have something done at each tick that passes."""
        self._due.append(call)

    def now(self) -> datetime:
        """Wall-clock time."""
        return self._wall

    def timestamp(self) -> float:
        """Wall-clock time in Unix seconds."""
        return self._wall.timestamp()

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Let time pass, tick by tick."""
        left = seconds
        while left > 1e-9:
            step = min(left, self._tick_s)
            self._wall += timedelta(seconds=step)
            self._monotonic += step
            left -= step
            for call in self._due:
                call()

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as NTP or a person does; monotonic time does not notice."""
        self._wall += timedelta(seconds=seconds)

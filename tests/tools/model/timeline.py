"""The events of a simulation in the order of their times, and what makes events wait: processors and client rates.

Guarantees that events at the same time run in the order in which they were planned. There is no real time.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

Action = Callable[[], None]


class Timeline:
    """Runs actions at their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._planned: list[tuple[float, int, Action]] = []
        self._order = count()

    def at(self, time: float, action: Action) -> None:
        """Plan an action; one in the past runs next."""
        heapq.heappush(self._planned, (max(time, self.now), next(self._order), action))

    def after(self, seconds: float, action: Action) -> None:
        """Plan an action this many seconds from now."""
        self.at(self.now + seconds, action)

    def run(self) -> None:
        """Run until nothing is planned."""
        while self._planned:
            self.now, _, action = heapq.heappop(self._planned)
            action()


class Processor:
    """Processors that all running work shares equally, as the kernel's scheduler does."""

    def __init__(self, timeline: Timeline, *, cores: int) -> None:
        """Create it idle.

        Args:
            timeline: The events.
            cores: Processors.
        """
        self._timeline = timeline
        self._cores = cores
        self._wanted = 0  # processors that the running work could use
        self._progress = 0.0  # seconds that a piece of work has advanced which has run since the beginning
        self._seen = 0.0
        self._running: list[tuple[float, int, int, Action]] = []
        self._order = count()
        self._plan = 0
        self.busy_s = 0.0

    def work(self, cpu_s: float, done: Action, *, cores: int = 1) -> None:
        """Do work of this processor time, on up to this many processors if they are free."""
        self._advance()
        self._wanted += cores
        self.busy_s += cpu_s
        heapq.heappush(self._running, (self._progress + cpu_s / cores, next(self._order), cores, done))
        self._replan()

    def _speed(self) -> float:
        return min(1.0, self._cores / self._wanted)

    def _advance(self) -> None:
        if self._wanted:
            self._progress += (self._timeline.now - self._seen) * self._speed()
        self._seen = self._timeline.now

    def _replan(self) -> None:
        self._plan += 1
        if self._running:
            plan = self._plan
            self._timeline.after(
                (self._running[0][0] - self._progress) / self._speed(), lambda: self._finish(plan=plan)
            )

    def _finish(self, *, plan: int) -> None:
        if plan != self._plan:
            return
        end, _, cores, done = heapq.heappop(self._running)
        self._seen, self._progress = self._timeline.now, end
        self._wanted -= cores
        self._replan()
        done()


@dataclass(slots=True, kw_only=True)
class Rate:
    """The client-side limit of client-go: a token bucket whose waiters are served in order."""

    qps: float
    burst: float
    _left: float = field(default=-1.0, init=False)
    _at: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._left = self.burst

    def take(self, requests: int, *, now: float) -> float:
        """Return the time when the last of these requests may be sent."""
        self._left = min(self.burst, self._left + (now - self._at) * self.qps)
        self._at = now
        self._left -= requests
        return now if self._left >= 0 else now - self._left / self.qps

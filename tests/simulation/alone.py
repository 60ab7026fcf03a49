"""One actor that always has the turn: a test says in which of its calls another event happens.

Guarantees: what befalls it, befalls it at the call that was named, and only while it is a process that can be befallen.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.doubles.clock import ManualClock
from tests.simulation.turns import Actor, Mischief, Turns


class Alone(Turns):
    """Turns of one actor."""

    def __init__(self, *, clock: ManualClock) -> None:
        super().__init__(random=Random(0), clock=clock, mischief=Mischief(pause=0, kill=0))
        self.current = Actor(name="alone", wakes_at=0.0)
        self._left = 0
        self._befall: Callable[[], None] | None = None

    def expect(self, befall: Callable[[], None] | None, *, call: int) -> None:
        """From now on, let this happen at the nth call; nothing, if it is None."""
        self._left, self._befall = call, befall

    def give_up(self, reason: str, *, for_s: float = 0.0) -> None:
        """Go on at once, if nothing befalls it."""
        assert self.current is not None
        self.trace.append(f"{self.current.name}: {reason}")
        self._clock.sleep(for_s)
        if not self.current.mortal or self._befall is None:
            return
        self._left -= 1
        if self._left <= 0:
            befall, self._befall = self._befall, None
            befall()

    def spawn(self, name: str, run: Callable[[], object], *, after_s: float = 0.0) -> None:
        """Leave it to the test when this happens."""
        self.trace.append(f"{name} could begin in {after_s:.0f} s")
        del run

    def as_another(self, do: Callable[[], object]) -> None:
        """Do something as another process, in the middle of a call of this one."""
        interrupted, self.current = self.current, Actor(name="another", wakes_at=0.0)
        do()
        self.current = interrupted

"""Actors that take turns: threads of which only one runs, in an order, with pauses and deaths, that a seed decides.

Guarantees: equal seeds give equal runs, since an actor gives its turn up only at the points that it names, and time
passes only between turns. Not guaranteed: anything about what two threads do to memory at once; the steps share none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.doubles.clock import ManualClock

_TICK_S = 1.0
_DEADLINE_S = 60.0


class Killed(BaseException):
    """The actor's process is gone: nothing of it runs any more."""


class StuckError(Exception):
    """The actors never come to an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mischief:
    """How often, at each turn, the scheduler does what schedulers, nodes and networks do."""

    pause: float = 0.01
    """The actor stops for up to `pause_s`, as by SIGSTOP, a busy node or a network that hangs."""
    kill: float = 0.01
    """The actor's process dies, if it is one that can."""
    pause_s: float = 45.0


@dataclass(slots=True, kw_only=True)
class Actor:
    """Something that happens in turns."""

    name: str
    wakes_at: float
    mortal: bool = False
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    killed: bool = False
    ended: bool = False
    error: BaseException | None = None


class Turns:
    """The scheduler."""

    def __init__(self, *, random: Random, clock: ManualClock, mischief: Mischief) -> None:
        self._random = random
        self._clock = clock
        self.mischief = mischief
        self._actors: list[Actor] = []
        self._done = threading.Semaphore(0)
        self._limit = 200_000
        self.current: Actor | None = None
        self.trace: list[str] = []

    def spawn(self, name: str, run: Callable[[], object], *, after_s: float = 0.0) -> None:
        """Add an actor, whose first turn comes after some time."""
        actor = Actor(name=name, wakes_at=self._clock.monotonic() + after_s)
        self._actors.append(actor)

        def body() -> None:
            actor.turn.acquire()
            try:
                if not actor.killed:
                    run()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 - it is the scheduler's to raise
                actor.error = error
            actor.ended = True
            self._done.release()

        threading.Thread(target=body, name=name, daemon=True).start()

    # What actors call.

    def give_up(self, reason: str, *, for_s: float = 0.0) -> None:
        """End this actor's turn; returns at its next one.

        Raises:
            Killed: Its process has died meanwhile.
        """
        actor = self.current
        assert actor is not None
        self.trace.append(f"{actor.name}: {reason}")
        actor.wakes_at = self._clock.monotonic() + for_s
        self._done.release()
        assert actor.turn.acquire(timeout=_DEADLINE_S)
        if actor.killed:
            actor.killed = False
            raise Killed

    def mortal(self, *, mortal: bool) -> None:
        """From now on, this actor's process may die, or may not."""
        assert self.current is not None
        self.current.mortal = mortal

    # What runs it.

    def run(self) -> None:
        """Let all actors come to their ends.

        Raises:
            StuckError: They do not.
        """
        for _ in range(self._limit):
            alive = [actor for actor in self._actors if not actor.ended]
            if not alive:
                return
            now = self._clock.monotonic()
            ready = [actor for actor in alive if actor.wakes_at <= now]
            if not ready:
                self._clock.sleep(max(_TICK_S, min(actor.wakes_at for actor in alive) - now))
                continue
            actor = self._random.choice(ready)
            chance = self._random.random()
            if chance < self.mischief.pause:
                pause_s = self._random.uniform(0, self.mischief.pause_s)
                self.trace.append(f"{actor.name} is paused for {pause_s:.1f} s")
                actor.wakes_at = now + pause_s
                continue
            if actor.mortal and chance < self.mischief.pause + self.mischief.kill:
                self.trace.append(f"{actor.name} is killed")
                actor.killed = True
            self._let(actor)
            if self._random.random() < 0.05:
                self._clock.sleep(_TICK_S)
        raise StuckError(f"no end after {self._limit} turns")

    def _let(self, actor: Actor) -> None:
        self.current = actor
        actor.turn.release()
        assert self._done.acquire(timeout=_DEADLINE_S), f"{actor.name} does not give its turn up"
        self.current = None
        if actor.error:
            raise actor.error

    def stop(self) -> None:
        """End what has not ended, as far as it gives its turn up."""
        for actor in self._actors:
            for _ in range(1000):
                if actor.ended:
                    break
                actor.killed = True
                self.current = actor
                actor.turn.release()
                assert self._done.acquire(timeout=_DEADLINE_S)

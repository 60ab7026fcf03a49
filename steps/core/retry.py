"""Repeating an attempt: pauses, Retry-After, a deadline. The one place in which a step waits before it tries again.

Guarantees that every pause has jitter, that no pause is shorter than the server asked for, that no pause ends after the
deadline, and that `while_waiting` is called at least once a second while it waits, so that a holder renews its Lease.
Does not decide what may be repeated: the caller names the errors, and whether a repetition is safe.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from steps.core.errors import ConflictError, StepError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from steps.core.clock import Clock

T = TypeVar("T")

# A write that was refused or that conflicted: 8 attempts within 5 to 9 seconds. etcd elects a leader in 1 to 2 seconds,
# and a holder has 10 seconds from the moment in which a renewal is due to the one in which it must stop.
_CONFLICT_ATTEMPTS, _CONFLICT_FIRST_S, _CONFLICT_LONGEST_S = 8, 0.2, 2.0
_LOOK_EVERY_S = 1.0


def backoff(*, attempts: int, first_s: float, random: Callable[[], float], longest_s: float = 30.0) -> list[float]:
    """Pauses between attempts: exponential, with jitter, so that pods that failed together do not return together.

    Args:
        attempts: Number of attempts; there is one pause fewer.
        first_s: Longest first pause, in seconds; doubles each time.
        random: Uniform in [0, 1); a pause is between half and all of its length.
        longest_s: No pause is longer.
    """
    return [min(longest_s, first_s * 2**number) * (0.5 + random() / 2) for number in range(attempts - 1)]


def wait(seconds: float, *, clock: Clock, while_waiting: Callable[[], object] = lambda: None) -> None:
    """Sleep, and call `while_waiting` at least once a second; an error that it raises ends the wait."""
    until = clock.monotonic() + seconds
    while (left := until - clock.monotonic()) > 0:
        while_waiting()
        clock.sleep(min(_LOOK_EVERY_S, left))


def retry(
    attempt: Callable[[], T],
    *,
    on: type[StepError] | tuple[type[StepError], ...],
    pauses: Iterable[float],
    clock: Clock,
    deadline: float = math.inf,
    longest_s: float = math.inf,
    may_retry: Callable[[StepError], bool] = lambda _: True,
    while_waiting: Callable[[], object] = lambda: None,
) -> T:
    """Attempt something until it succeeds, or the pauses or the time are used up; the last error goes to the caller.

    Args:
        attempt: What to do; called once more than there are pauses, at most.
        on: Errors after which it may be attempted again.
        pauses: Seconds between attempts.
        clock: Time.
        deadline: Monotonic time, in seconds; a pause that would end after it is not begun.
        longest_s: Most seconds that a server's Retry-After counts for.
        may_retry: Asked about every error, the last one included; False ends the attempts.
        while_waiting: Called at least once a second during a pause.
    """
    for pause in (*pauses, None):
        try:
            return attempt()
        except on as error:
            asked = error.retry_after_s if isinstance(error, UnavailableError) else None
            seconds = max(pause or 0.0, min(asked or 0.0, longest_s))
            if not may_retry(error) or pause is None or clock.monotonic() + seconds >= deadline:
                raise
        wait(seconds, clock=clock, while_waiting=while_waiting)
    raise AssertionError("the last attempt returns or raises")


def retry_on_conflict(
    attempt: Callable[[], T],
    *,
    clock: Clock,
    random: Callable[[], float],
    while_waiting: Callable[[], object] = lambda: None,
) -> T:
    """Repeat a compare-and-swap that conflicted, or whose answer was lost or refused for now.

    Args:
        attempt: Reads what it is going to replace, or settles what became of its last write, and writes.
        clock: Time.
        random: Uniform in [0, 1), for jitter.
        while_waiting: Called at least once a second during a pause.

    Raises:
        ConflictError: Somebody else was faster each time.
        UnavailableError: The API server did not take a write for several seconds.
    """
    return retry(
        attempt,
        on=(ConflictError, UnavailableError),
        pauses=backoff(
            attempts=_CONFLICT_ATTEMPTS, first_s=_CONFLICT_FIRST_S, random=random, longest_s=_CONFLICT_LONGEST_S
        ),
        clock=clock,
        longest_s=_CONFLICT_LONGEST_S,
        while_waiting=while_waiting,
    )

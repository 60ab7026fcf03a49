"""Retries: pauses, Retry-After, a deadline. Every step waits here before it retries.

Guarantees that every pause has jitter, that no pause is shorter than the server's Retry-After, that no pause ends after
the deadline, and that `while_waiting` runs at least once a second, so that a holder renews its Lease. Not guaranteed:
that a retry is safe. The caller decides that, and names the errors.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeVar

from steps.core.errors import ConflictError, StepError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from steps.core.clock import Clock

T = TypeVar("T")

# A refused or conflicting write gets 8 attempts within 5 to 9 seconds. etcd elects a leader in 1 to 2 seconds, and a
# holder must stop 10 seconds after a renewal was due.
_CONFLICT_ATTEMPTS, _CONFLICT_FIRST_S, _CONFLICT_LONGEST_S = 8, 0.2, 2.0
_MAX_SLEEP_S = 1.0
# Unix seconds have ten digits.
_SECONDS = re.compile(r"[0-9]{1,10}")
# GitHub shows a change seconds after its webhook (tanium/octobot#75).
LAG_S = 10.0
LAG_POLL_S = 1.0


def backoff(*, attempts: int, first_s: float, random: Callable[[], float], longest_s: float = 30.0) -> list[float]:
    """Calculate the pauses between attempts: exponential, with jitter, so that pods do not retry at the same time.

    Args:
        attempts: Number of attempts; the pauses are one fewer.
        first_s: Longest first pause, in seconds; doubles each time.
        random: Uniform in [0, 1); a pause is between half and all of its length.
        longest_s: No pause is longer.
    """
    return [min(longest_s, first_s * 2**number) * (0.5 + random() / 2) for number in range(attempts - 1)]


def poll_pauses(longest_s: float) -> Iterator[float]:
    """Yield the pauses between looks at something that may end at once, or after minutes.

    Most agents end within a second (docs/measurements-cluster.md), so the first pauses are short.

    Args:
        longest_s: The longest pause, in seconds. The first is a fifth of it, and each is half as long again.
    """
    pause_s = longest_s / 5
    while True:
        yield pause_s
        pause_s = min(longest_s, 1.5 * pause_s)


def header_seconds(text: str | None) -> float | None:
    """Return the whole seconds in a header such as Retry-After; None for a date, an absurd number or another text."""
    return float(text) if text is not None and _SECONDS.fullmatch(text) else None


def wait(seconds: float, *, clock: Clock, while_waiting: Callable[[], object] = lambda: None) -> None:
    """Sleep, and call `while_waiting` at least once a second. Its errors end the wait."""
    until = clock.monotonic() + seconds
    while (left := until - clock.monotonic()) > 0:
        while_waiting()
        clock.sleep(min(_MAX_SLEEP_S, left))


def read_through_lag(
    read: Callable[[], T],
    *,
    lag_s: Callable[[T], float],
    clock: Clock,
    while_waiting: Callable[[], object] = lambda: None,
) -> T:
    """Read once a second until the answer counts. GitHub's answers lag its webhooks.

    Args:
        read: Reads it. Its errors end the wait.
        lag_s: Seconds for which GitHub may give this answer although it is out of date; 0 if the answer counts at once.
        clock: The clock.
        while_waiting: Called at least once a second during a pause.

    Returns:
        The first answer that counts, or the last one.
    """
    began = clock.monotonic()
    while True:
        found = read()
        if clock.monotonic() - began >= lag_s(found):
            return found
        wait(LAG_POLL_S, clock=clock, while_waiting=while_waiting)


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
    """Call `attempt` until it succeeds, or until no pause or no time is left. Then raise the last error.

    Args:
        attempt: The operation; called at most once more than there are pauses.
        on: Errors after which to retry.
        pauses: Seconds between attempts.
        clock: The clock.
        deadline: Monotonic time, in seconds; no pause ends after it.
        longest_s: Upper limit of a server's Retry-After, in seconds.
        may_retry: Called with every error, including the last; False ends the attempts.
        while_waiting: Called at least once a second during a pause.
    """
    for pause in (*pauses, None):
        try:
            return attempt()
        except on as error:
            retry_after_s = error.retry_after_s if isinstance(error, UnavailableError) else None
            seconds = max(pause or 0.0, min(retry_after_s or 0.0, longest_s))
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
    """Retry a compare-and-swap after a conflict, a lost answer, or a temporary refusal.

    Args:
        attempt: Reads the object, checks whether its last write was applied, and writes.
        clock: The clock.
        random: Uniform in [0, 1), for jitter.
        while_waiting: Called at least once a second during a pause.

    Raises:
        ConflictError: Another writer was faster at every attempt.
        UnavailableError: The API server accepted no write for several seconds.
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

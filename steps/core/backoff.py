"""Pauses between attempts: exponential with jitter, so that pods that failed together do not come back together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def backoff_pauses(
    *, attempts: int, first_s: float, random: Callable[[], float], cap_s: float = 30.0
) -> Iterator[float | None]:
    """Yield, for each attempt, the seconds to wait after it fails; None for the last.

    Args:
        attempts: How many attempts there are.
        first_s: Longest pause after the first one; doubles each time, up to `cap_s`.
        random: Uniform in [0, 1); the pause is between half and all of its length.
        cap_s: Longest pause.
    """
    for attempt in range(attempts - 1):
        yield min(cap_s, first_s * 2**attempt) * (0.5 + random() / 2)
    yield None

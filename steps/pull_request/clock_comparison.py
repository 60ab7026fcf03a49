"""Compares GitHub's clock with the API server's, by the answers of both.

Guarantees that what is left of an error makes a run look newer. An answer that was slow is read again, and so is one by
which GitHub's clock is behind: it may come from a cache or from one server with a wrong clock. Not guaranteed: if every
answer of a server comes from one wrong clock, that clock is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.github import GitHub
    from steps.runtime import StepContext

# The watermark is earlier by the time that GitHub's fastest answer took. Agents that started within it would go on.
CLOCK_S, _CLOCK_READS = 2.0, 3
# A measured difference is more than the truth by one second at most, and two clocks may differ a little.
_AHEAD_S = 2.0
# Below it, clocks behind one address matter less than the resolution of all these times.
_SPREAD_S = 1.0

T = TypeVar("T")


def read_in_time(read: Callable[[], T], *, github: GitHub, context: StepContext) -> T:
    """Read, and again if the answer does not tell GitHub's time well. Not more than a few times.

    Args:
        read: Reads from GitHub.
        github: Its client, which measures the clock.
        context: The step.
    """
    found, read_again = read(), False
    for _ in range(_CLOCK_READS - 1):
        slow = (github.server_clock.uncertainty_s or 0.0) > CLOCK_S
        behind = (context.clients.kube.server_clock.ahead_of_s(github.server_clock) or 0.0) > _AHEAD_S
        if not slow and (read_again or not behind):
            break
        found, read_again = read(), True
    return found


def clock_offset(github: GitHub, *, context: StepContext) -> float:
    """Return the seconds by which the API server's clock is ahead of GitHub's, after GitHub has been read.

    If no answer gives GitHub's time, it is the lowest that the tolerance allows. Clocks that differ behind one address
    are logged.
    """
    kube = context.clients.kube.server_clock
    for name, clock in (("GitHub", github.server_clock), ("the API server", kube)):
        if clock.spread_s > _SPREAD_S:
            context.log.warning(
                f"answers of {name} come from clocks that differ: set the clocks of its servers; a run that one of "
                "them shows as newer than the push is kept",
                differ_s=round(clock.spread_s),
            )
    found = kube.ahead_of_s(github.server_clock)
    if found is None:
        context.log.warning(
            "no answer of GitHub or of the API server has a date of its own (a cache in between?): runs within "
            "push.tolerance_s of the push are kept"
        )
        return -context.settings.push.tolerance_s
    return found

"""A few calls side by side, while the caller keeps its hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_MEANWHILE_EVERY_S = 1.0


def run_parallel(calls: Sequence[Callable[[], T]], *, parallel: int, while_waiting: Callable[[], None]) -> list[T]:
    """Run calls and return their results in order; with `parallel` of 1, one after the other in this thread.

    Args:
        calls: What to run.
        parallel: How many at once.
        while_waiting: Called about once a second while waiting (in turn: before each call), to renew a Lease. If it
            raises, calls that have not started are dropped, those under way are waited for, and the error goes to
            the caller.

    Raises:
        Exception: The first error of a call, in their order, after all of them have ended.
    """
    if parallel == 1 or len(calls) < 2:  # noqa: PLR2004 - one call needs no thread
        results = []
        for call in calls:
            while_waiting()
            results.append(call())
        return results
    with ThreadPoolExecutor(max_workers=min(parallel, len(calls))) as pool:
        futures = [pool.submit(call) for call in calls]
        pending = set(futures)
        try:
            while pending:
                pending = wait(pending, timeout=_MEANWHILE_EVERY_S).not_done
                while_waiting()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]

"""Calls in parallel, while the caller renews its Lease.

Guarantees that all calls have ended when `run_parallel` returns or raises.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

T = TypeVar("T")

_MEANWHILE_EVERY_S = 1.0


def run_parallel(calls: Sequence[Callable[[], T]], *, parallel: int, while_waiting: Callable[[], None]) -> list[T]:
    """Run calls and return their results in order. If `parallel` is 1, the calls run one by one in this thread.

    Args:
        calls: The calls.
        parallel: The number of calls at the same time.
        while_waiting: Renews a Lease. Called about once a second; if `parallel` is 1, before each call. If it raises,
            calls that have not started are dropped, running calls end first, and the caller gets the error.

    Raises:
        Exception: The first error in the order of the calls, after all calls have ended.
    """
    if parallel == 1 or len(calls) < 2:  # noqa: PLR2004 - one call needs no thread
        results = []
        for call in calls:
            while_waiting()
            results.append(call())
        return results
    with ThreadPoolExecutor(max_workers=min(parallel, len(calls))) as pool:
        try:
            ended = Lock()  # a plain lock: SIGTERM interrupts the wait for it at once, and does no harm
            ended.acquire()
            futures = [pool.submit(call) for call in calls]
            _when_all_are_done(futures, ended.release)
            waits = True
            while waits:
                waits = not ended.acquire(timeout=_MEANWHILE_EVERY_S)
                while_waiting()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _when_all_are_done(futures: Sequence[Future[T]], do: Callable[[], object]) -> None:
    """Call `do` once, in the thread of the last call."""
    left, lock = len(futures), Lock()

    def count(_: Future[T]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = not left
        if last:
            do()

    for each in futures:
        each.add_done_callback(count)

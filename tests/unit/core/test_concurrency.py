"""Parallel calls: what an error of the caller leaves running."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from steps.core import concurrency
from steps.core.concurrency import run_parallel
from steps.core.errors import TerminatedError


def nothing() -> None:
    """Renew no Lease."""


def test_results_come_in_the_order_of_the_calls() -> None:
    first = Event()

    def slow() -> str:
        first.wait()
        return "first"

    def fast() -> str:
        first.set()
        return "second"

    assert run_parallel([slow, fast], parallel=2, while_waiting=nothing) == ["first", "second"]


def test_sigterm_while_the_calls_are_handed_out_drops_those_that_have_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[int] = []
    go_on = Event()

    class Interrupted(ThreadPoolExecutor):
        """The main thread gets SIGTERM while it hands out the third call."""

        def submit(self, *args: Any, **options: Any) -> Future[Any]:  # noqa: ANN401 - the library's signature
            future = super().submit(*args, **options)
            if self._work_queue.qsize() == 2:  # one runs, two wait
                raise TerminatedError("SIGTERM")
            return future

        def shutdown(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the library's signature
            if options.get("cancel_futures"):
                super().shutdown(wait=False, cancel_futures=True)
            go_on.set()
            super().shutdown(*args, **options)

    def call(number: int) -> None:
        started.set()
        go_on.wait()
        ran.append(number)

    started = Event()
    monkeypatch.setattr(concurrency, "ThreadPoolExecutor", lambda **_: Interrupted(max_workers=1))
    with pytest.raises(TerminatedError):
        run_parallel([lambda each=each: call(each) for each in range(4)], parallel=2, while_waiting=nothing)  # type: ignore[misc]
    assert ran == [0]

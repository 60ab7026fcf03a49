"""SIGTERM: an error at once, and never lost for good."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import pytest

from steps.core.clock import SystemClock
from steps.core.concurrency import run_parallel
from steps.core.errors import BadInputError, Exit, StepError, TerminatedError
from steps.runtime import signals
from steps.runtime.entrypoint import run_process
from steps.runtime.signals import Termination

# The steps use the timer that pytest-timeout would use otherwise.
pytestmark = pytest.mark.timeout(method="thread")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The test process takes signals as before when the test has ended."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def listening() -> Iterator[SystemClock]:
    """A clock of a process that listens, until the body has ended."""
    termination = Termination()
    termination.listen()
    try:
        yield SystemClock(before_sleep=termination.check)
    finally:
        termination.ignore()


@pytest.fixture
def clock() -> Iterator[SystemClock]:
    """A clock of a process that listens, until the test has ended."""
    with listening() as found:
        yield found


def receive_sigterm() -> None:
    """Send SIGTERM to this process, as the kubelet does."""
    os.kill(os.getpid(), signal.SIGTERM)


class Answer(io.IOBase):
    """Something that closes itself, as the answer of a request does."""

    def close(self) -> None:
        """Close, and receive SIGTERM at that moment."""
        super().close()
        receive_sigterm()


def test_a_pause_without_a_signal_raises_nothing(clock: SystemClock) -> None:
    clock.sleep(0)


def test_it_is_an_error_at_once(clock: SystemClock) -> None:
    del clock
    with pytest.raises(TerminatedError, match="SIGTERM"):
        receive_sigterm()


def test_one_that_was_lost_while_an_object_was_finalised_is_raised_at_the_next_pause(clock: SystemClock) -> None:
    answer = Answer()
    del answer
    with pytest.raises(TerminatedError, match="SIGTERM"):
        clock.sleep(0)


def test_one_that_code_ignored_is_raised_at_the_next_pause(clock: SystemClock) -> None:
    with contextlib.suppress(StepError):
        receive_sigterm()
    with pytest.raises(TerminatedError, match="SIGTERM"):
        clock.sleep(0)


def test_code_that_handles_it_may_pause_even_after_another_failure(clock: SystemClock) -> None:
    """The failure is written down, and the write is tried again after a pause."""
    try:
        receive_sigterm()
    except TerminatedError:
        clock.sleep(0)
        try:
            int("no answer")
        except ValueError:
            clock.sleep(0)


def test_a_second_one_does_not_interrupt_what_is_done_about_the_first(clock: SystemClock) -> None:
    try:
        receive_sigterm()
    except TerminatedError:
        receive_sigterm()
        clock.sleep(0)


class Terminal(io.StringIO):
    """A place for the log that receives SIGTERM with each line."""

    def write(self, text: str) -> int:
        """Write, and receive SIGTERM."""
        receive_sigterm()
        return super().write(text)


def test_one_that_comes_when_the_step_has_failed_changes_neither_its_exit_code_nor_its_last_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def step(_: object) -> None:
        raise BadInputError("REF is not a branch")

    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert run_process(step, prepare=lambda *_: None) == Exit.BAD_INPUT
    assert "REF is not a branch" in terminal.getvalue()


def interrupt(call: Callable[[], object], *, line: int) -> bool:
    """Run a call, and receive SIGTERM at this line of the library's threads, queues and executors.

    Returns:
        Whether the call came to the line.
    """
    left = line

    def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - the library's signature
        nonlocal left
        if frame.f_globals["__name__"] not in ("threading", "queue", "concurrent.futures.thread"):
            return None  # an error that comes while a line is traced could come between a body and its `finally`
        if event == "line":
            left -= 1
            if not left:
                receive_sigterm()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return left <= 0


def test_wherever_parallel_calls_are_interrupted_none_of_them_goes_on_and_nothing_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Threads and locks that are half made would be left behind."""
    monkeypatch.setattr(signals, "_AGAIN_S", 0.001)

    def renew_no_lease() -> None:
        pass

    for line in range(1, 10_000):
        before, came = set(threading.enumerate()), True
        with listening() as clock:
            parallel = partial(run_parallel, [partial(clock.sleep, 0)] * 2, parallel=2, while_waiting=renew_no_lease)
            try:
                came = interrupt(parallel, line=line)
                while came:  # the error is due
                    clock.sleep(0.001)
            except TerminatedError:
                time.sleep(0.003)  # it does not come again, neither from the calls nor from the signal
        assert set(threading.enumerate()) <= before, f"a call of line {line} goes on"
        if not came:
            assert line > 100
            return

"""SIGTERM: an error at once, and never lost for good."""

from __future__ import annotations

import contextlib
import io
import os
import signal
from collections.abc import Iterator

import pytest

from steps.core.clock import SystemClock
from steps.core.errors import StepError, TerminatedError
from steps.runtime.signals import Termination


@pytest.fixture
def clock() -> Iterator[SystemClock]:
    """A clock of a process that listens, until the test has ended."""
    before, termination = signal.getsignal(signal.SIGTERM), Termination()
    termination.listen()
    yield SystemClock(before_sleep=termination.check)
    signal.signal(signal.SIGTERM, before)


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

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


def told_to_stop() -> None:
    """Tell this process to stop, as the kubelet does."""
    os.kill(os.getpid(), signal.SIGTERM)


class Answer(io.IOBase):
    """Something that closes itself, as the answer of a request does."""

    def close(self) -> None:
        """Be told to stop in that very moment."""
        super().close()
        told_to_stop()


def test_a_pause_is_a_pause_while_nobody_was_told_anything(clock: SystemClock) -> None:
    clock.sleep(0)


def test_it_is_an_error_at_once(clock: SystemClock) -> None:
    del clock
    with pytest.raises(TerminatedError, match="SIGTERM"):
        told_to_stop()


def test_one_that_was_lost_while_an_object_was_finalised_is_raised_at_the_next_pause(clock: SystemClock) -> None:
    answer = Answer()
    del answer
    with pytest.raises(TerminatedError, match="SIGTERM"):
        clock.sleep(0)


def test_one_that_somebody_carried_on_in_spite_of_is_raised_at_the_next_pause(clock: SystemClock) -> None:
    with contextlib.suppress(StepError):
        told_to_stop()
    with pytest.raises(TerminatedError, match="SIGTERM"):
        clock.sleep(0)


def test_whoever_deals_with_it_may_pause_also_after_another_failure(clock: SystemClock) -> None:
    """The failure is written down, and the write is tried again after a pause."""
    try:
        told_to_stop()
    except TerminatedError:
        clock.sleep(0)
        try:
            int("no answer")
        except ValueError:
            clock.sleep(0)


def test_a_second_one_does_not_interrupt_what_is_done_about_the_first(clock: SystemClock) -> None:
    try:
        told_to_stop()
    except TerminatedError:
        told_to_stop()
        clock.sleep(0)

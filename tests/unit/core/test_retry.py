"""Repeating an attempt: pauses, Retry-After, a deadline, and the Lease that is renewed meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from steps.core.errors import (
    BadInputError,
    ConflictError,
    LockLostError,
    RateLimitedError,
    StepError,
    UnavailableError,
)
from steps.core.retry import backoff, header_seconds, read_through_lag, retry, retry_on_conflict, wait
from tests.doubles.clock import ManualClock


def failing(*errors: StepError) -> Callable[[], str]:
    """An attempt that fails with each of these, and then succeeds."""
    left: Iterator[StepError] = iter(errors)

    def attempt() -> str:
        for error in left:
            raise error
        return "done"

    return attempt


@pytest.mark.parametrize(("random", "share"), [(0.0, 0.5), (1.0, 1.0)])
def test_pauses_double_up_to_the_longest_and_are_at_least_half_of_it(random: float, share: float) -> None:
    pauses = backoff(attempts=6, first_s=1, random=lambda: random, longest_s=6)
    assert pauses == [each * share for each in (1, 2, 4, 6, 6)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1767225600", 1767225600.0),
        ("9" * 11, None),
        ("9" * 5000, None),
        ("²", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        (None, None),
    ],
    ids=lambda each: str(each)[:12],
)
def test_a_header_gives_whole_seconds_of_a_length_that_a_clock_has(text: str | None, seconds: float | None) -> None:
    assert header_seconds(text) == seconds


def test_one_attempt_has_no_pause() -> None:
    assert backoff(attempts=1, first_s=1, random=lambda: 0.5) == []


def test_an_attempt_is_repeated_after_each_pause_until_it_succeeds() -> None:
    clock = ManualClock()
    began = clock.monotonic()
    attempt = failing(ConflictError("1"), UnavailableError("2"))
    assert retry(attempt, on=(ConflictError, UnavailableError), pauses=[1, 2, 4], clock=clock) == "done"
    assert clock.monotonic() - began == 3


def test_the_last_error_goes_to_the_caller_once_the_pauses_are_used_up() -> None:
    clock = ManualClock()
    with pytest.raises(ConflictError, match=r"^3$"):
        retry(failing(*map(ConflictError, "1234")), on=ConflictError, pauses=[1, 1], clock=clock)


def test_an_error_that_is_not_named_ends_the_attempts_at_once() -> None:
    clock = ManualClock()
    began = clock.monotonic()
    with pytest.raises(BadInputError):
        retry(failing(BadInputError("no")), on=ConflictError, pauses=[1, 1], clock=clock)
    assert clock.monotonic() == began


@pytest.mark.parametrize(("longest_s", "waited_s"), [(60.0, 25), (5.0, 5)])
def test_a_server_that_asks_for_a_longer_pause_gets_it_up_to_the_longest(longest_s: float, waited_s: float) -> None:
    clock = ManualClock()
    began = clock.monotonic()
    attempt = failing(RateLimitedError("later", retry_after_s=25))
    assert retry(attempt, on=UnavailableError, pauses=[1], clock=clock, longest_s=longest_s) == "done"
    assert clock.monotonic() - began == waited_s


def test_a_pause_that_would_end_after_the_deadline_is_not_begun() -> None:
    clock = ManualClock()
    began = clock.monotonic()
    with pytest.raises(RateLimitedError):
        retry(
            failing(RateLimitedError("later", retry_after_s=25)),
            on=UnavailableError,
            pauses=[1, 1],
            clock=clock,
            deadline=began + 25,
        )
    assert clock.monotonic() == began


def test_the_caller_is_asked_about_every_error_the_last_one_included() -> None:
    clock, asked = ManualClock(), list[str]()

    def may_retry(error: StepError) -> bool:
        asked.append(str(error))
        return str(error) != "2"

    with pytest.raises(ConflictError, match=r"^2$"):
        retry(failing(*map(ConflictError, "123")), on=ConflictError, pauses=[1, 1], clock=clock, may_retry=may_retry)
    with pytest.raises(ConflictError, match=r"^9$"):
        retry(failing(*map(ConflictError, "9")), on=ConflictError, pauses=[], clock=clock, may_retry=may_retry)
    assert asked == ["1", "2", "9"]


def test_the_lease_is_renewed_at_least_once_a_second_while_waiting() -> None:
    clock, seen = ManualClock(), list[float]()
    began = clock.monotonic()
    wait(3.5, clock=clock, while_waiting=lambda: seen.append(clock.monotonic() - began))
    assert seen == [0, 1, 2, 3]
    assert clock.monotonic() - began == 3.5


@pytest.mark.parametrize(("outdated", "reads", "waited_s"), [(0, 1, 0), (3, 4, 3), (99, 6, 5)])
def test_an_answer_that_may_be_out_of_date_is_read_once_a_second_until_the_lag_is_over(
    outdated: int, reads: int, waited_s: float
) -> None:
    clock, answers = ManualClock(), iter(range(100))
    began = clock.monotonic()
    last = read_through_lag(lambda: next(answers), lag_s=lambda found: 5.0 if found < outdated else 0.0, clock=clock)
    assert (last + 1, clock.monotonic() - began) == (reads, waited_s)


def test_a_lease_that_is_lost_while_waiting_ends_the_wait() -> None:
    clock = ManualClock()
    began = clock.monotonic()

    def lost() -> None:
        if clock.monotonic() - began >= 2:
            raise LockLostError("lost")

    with pytest.raises(LockLostError):
        retry(failing(ConflictError("1")), on=ConflictError, pauses=[60], clock=clock, while_waiting=lost)
    assert clock.monotonic() - began == 2


@pytest.mark.parametrize("error", [ConflictError("changed"), UnavailableError("etcdserver: leader changed")])
def test_a_compare_and_swap_outlasts_the_election_of_a_leader(error: StepError) -> None:
    clock = ManualClock()
    began = clock.monotonic()
    assert retry_on_conflict(failing(*[error] * 7), clock=clock, random=lambda: 0.0) == "done"
    assert clock.monotonic() - began >= 4.5


def test_a_compare_and_swap_is_given_up_before_a_held_lease_has_to_be() -> None:
    clock = ManualClock()
    began = clock.monotonic()
    with pytest.raises(UnavailableError):
        retry_on_conflict(failing(*[UnavailableError("no", retry_after_s=60)] * 99), clock=clock, random=lambda: 1.0)
    assert clock.monotonic() - began < 15

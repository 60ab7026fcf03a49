"""A server's clock, by the dates of its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from steps.core.clock import ServerClock

DATE, AT = "Sun, 01 Mar 2026 12:00:00 GMT", datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_a_server_that_has_not_answered_has_no_time() -> None:
    assert ServerClock().at(1000.0) is None


@pytest.mark.parametrize(("later_s", "expected"), [(0, AT), (90, AT.replace(minute=1, second=30))])
def test_the_time_goes_on_with_this_machines_monotonic_clock(later_s: float, expected: datetime) -> None:
    clock = ServerClock()
    clock.observe(DATE, sent=1000.0, arrived=1000.0)
    assert clock.at(1000.0 + later_s) == expected


@pytest.mark.parametrize("date", [None, "", "soon"])
def test_an_answer_without_a_date_changes_nothing(date: str | None) -> None:
    clock = ServerClock()
    clock.observe(DATE, sent=1000.0, arrived=1000.0)
    clock.observe(date, sent=2000.0, arrived=2000.0)
    assert clock.at(1000.0) == AT


def clock_of(*answers: tuple[str, float, float]) -> ServerClock:
    """A clock after answers: the date, and the seconds at which the request was sent and the answer arrived."""
    clock = ServerClock()
    for date, sent, arrived in answers:
        clock.observe(date, sent=sent, arrived=arrived)
    return clock


def test_an_answer_that_was_read_late_does_not_make_the_server_slow() -> None:
    """The process stood still for nine seconds after the server had answered."""
    late = clock_of((DATE, 1000.0, 1000.0), (DATE, 1000.0, 1009.0))
    assert late.at(1009.0) == AT.replace(second=9)


@pytest.mark.parametrize(
    ("api", "github"),
    [
        pytest.param((1000.0, 1009.0), (1000.0, 1000.0), id="the API server's answer was read late"),
        pytest.param((1000.0, 1000.0), (991.0, 1000.0), id="GitHub's answer was slow"),
        pytest.param((1000.0, 1000.0), (1000.0, 1009.0), id="GitHub's answer was read late"),
    ],
)
def test_a_slow_answer_never_makes_a_clock_ahead_of_another(
    api: tuple[float, float], github: tuple[float, float]
) -> None:
    """So a slow answer never makes a run stale that is newer than the push."""
    ahead_s = clock_of((DATE, *api)).ahead_of_s(clock_of((DATE, *github)))
    assert ahead_s is not None
    assert ahead_s <= 0


def test_the_uncertainty_is_that_of_the_closest_bounds() -> None:
    assert ServerClock().uncertainty_s is None
    clock = ServerClock()
    clock.observe("Sun, 01 Mar 2026 12:00:10 GMT", sent=100.0, arrived=116.0)
    assert clock.uncertainty_s == 16.0
    clock.observe("Sun, 01 Mar 2026 12:00:27 GMT", sent=117.0, arrived=117.5)
    assert clock.uncertainty_s == 0.5


def test_the_fastest_answers_decide() -> None:
    api = clock_of((DATE, 1000.0, 1009.0), (DATE, 1000.0, 1000.0))
    github = clock_of((DATE, 991.0, 1000.0), (DATE, 1000.0, 1000.0))
    assert api.ahead_of_s(github) == 0


def test_two_servers_cannot_be_compared_before_both_have_answered() -> None:
    assert ServerClock().ahead_of_s(clock_of((DATE, 1.0, 1.0))) is None
    assert clock_of((DATE, 1.0, 1.0)).ahead_of_s(ServerClock()) is None


def date(second: float) -> str:
    return format_datetime(AT + timedelta(seconds=second), usegmt=True)


@pytest.mark.parametrize("odd_s", [6, -20])
@pytest.mark.parametrize("first", [True, False], ids=["the odd one first", "the odd one last"])
def test_of_clocks_behind_one_address_the_comparison_uses_the_one_that_keeps_a_run(odd_s: int, *, first: bool) -> None:
    answers = [(date(odd_s), 1000.0, 1000.0), (DATE, 1000.0, 1000.0), (date(5), 1005.0, 1005.0)]
    odd, right = clock_of(*(answers if first else reversed(answers))), clock_of((DATE, 1000.0, 1000.0))
    assert odd.ahead_of_s(right) == min(odd_s, 0)
    assert right.ahead_of_s(odd) == -max(odd_s, 0)
    assert odd.at(1000.0) == AT + timedelta(seconds=min(odd_s, 0))
    assert (odd.spread_s, right.spread_s) == (abs(odd_s) - 1, 0)


def test_a_slow_answer_does_not_join_two_clocks() -> None:
    """It may come from either, and tells less than the fast answers of both."""
    slow = clock_of((date(0), 1000.0, 1000.0), (date(9), 1000.0, 1010.0), (date(16), 1010.0, 1010.0))
    assert (slow.at(1000.0), slow.spread_s) == (AT, 5)


def test_one_clock_is_not_taken_for_two_because_a_date_has_whole_seconds() -> None:
    answers = [(date(each // 4), 1000 + each / 4, 1000 + each / 4) for each in range(40)]
    clock = clock_of(*answers)
    assert (clock.spread_s, clock.at(1000.0)) == (0, AT)


@pytest.mark.parametrize(("age", "known"), [("20", False), ("1", False), ("0", True), (" 0 ", True), ("", True)])
def test_the_date_of_a_cache_is_not_the_servers(age: str, *, known: bool) -> None:
    clock = ServerClock()
    clock.observe(DATE, sent=1000.0, arrived=1000.0, age=age)
    assert (clock.at(1000.0) is not None) is known
    assert (clock.uncertainty_s is not None) is known

"""A server's clock, by the dates of its answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from steps.core.clock import ServerClock

DATE, AT = "Sun, 01 Mar 2026 12:00:00 GMT", datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def test_a_server_that_has_not_answered_has_no_time() -> None:
    assert ServerClock().at(1000.0) is None


@pytest.mark.parametrize(("later_s", "expected"), [(0, AT), (90, AT.replace(minute=1, second=30))])
def test_the_time_goes_on_with_this_machines_monotonic_clock(later_s: float, expected: datetime) -> None:
    clock = ServerClock()
    clock.observe(DATE, monotonic=1000.0)
    assert clock.at(1000.0 + later_s) == expected


@pytest.mark.parametrize("date", [None, "", "soon"])
def test_an_answer_without_a_date_changes_nothing(date: str | None) -> None:
    clock = ServerClock()
    clock.observe(DATE, monotonic=1000.0)
    clock.observe(date, monotonic=2000.0)
    assert clock.at(1000.0) == AT

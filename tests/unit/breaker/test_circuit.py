"""The rules of a circuit: when it opens, who may probe, what is written down."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.breaker.circuit import (
    Circuit,
    after_failure,
    after_limit,
    after_success,
    dump_circuit,
    is_closed,
    may_retry,
    open_seconds,
    parse_circuit,
    rate_limited_seconds,
    reserved,
)
from tests.unit.breaker.circuits import NOW, RULES, failed, later


def test_the_fifth_failure_in_a_row_opens_it() -> None:
    assert is_closed(failed(4))
    opened = failed(5)
    assert not is_closed(opened)
    assert open_seconds(opened, now=later(4), settings=RULES) == RULES.open_s


def test_a_success_in_between_starts_the_count_again() -> None:
    assert is_closed(after_failure(after_success(failed(4)), now=later(5), settings=RULES))


def test_failures_far_apart_are_not_in_a_row() -> None:
    assert is_closed(failed(20, every_s=RULES.window_s + 1))


def test_after_half_a_minute_one_may_probe_and_the_others_wait_for_what_comes_of_it() -> None:
    opened = failed(5)
    due = later(4 + RULES.open_s)
    assert open_seconds(opened, now=due, settings=RULES) == 0
    probing = reserved(opened, now=due, settings=RULES)
    assert open_seconds(probing, now=due, settings=RULES) > 0
    assert is_closed(after_success(probing))
    again = after_failure(probing, now=due, settings=RULES)
    assert open_seconds(again, now=due, settings=RULES) == RULES.open_s


def test_a_probe_whose_pod_dies_does_not_keep_it_open_for_ever() -> None:
    probing = reserved(failed(5), now=later(40), settings=RULES)
    assert open_seconds(probing, now=later(40 + RULES.open_s), settings=RULES) == 0


def test_the_retry_budget_of_all_pods_is_spent_and_comes_back() -> None:
    spent = Circuit()
    for number in range(RULES.retries + 1):
        spent = after_success(after_failure(spent, now=later(number / 10), settings=RULES))
        assert is_closed(spent)
    assert not may_retry(spent, now=later(7), settings=RULES)
    assert may_retry(spent, now=later(RULES.window_s), settings=RULES)


def test_what_is_known_after_each_failure() -> None:
    first = after_failure(Circuit(), now=NOW, settings=RULES)
    assert first == Circuit(failures=1, failed_at=NOW, window_at=NOW, spent=1)
    second = after_failure(first, now=later(3), settings=RULES)
    assert second == Circuit(failures=2, failed_at=later(3), window_at=NOW, spent=2)
    over = after_failure(second, now=later(RULES.window_s), settings=RULES)
    assert over == Circuit(failures=3, failed_at=later(RULES.window_s), window_at=later(RULES.window_s), spent=1)
    probing = reserved(failed(5), now=later(40), settings=RULES)
    assert probing == replace(failed(5), probe_until=later(40 + RULES.open_s))
    again = after_failure(probing, now=later(41), settings=RULES)
    assert again == replace(failed(5), failures=6, failed_at=later(41), open_until=later(41 + RULES.open_s), spent=6), (
        "the probe is over"
    )


@pytest.mark.parametrize(
    ("after_s", "in_a_row"),
    [(0, 2), (RULES.window_s - 1, 2), (RULES.window_s, 1), (1 - RULES.window_s, 2), (-RULES.window_s, 1)],
)
def test_failures_within_a_window_are_in_a_row_whichever_clock_is_ahead(after_s: float, in_a_row: int) -> None:
    first = after_failure(Circuit(), now=NOW, settings=RULES)
    assert after_failure(first, now=later(after_s), settings=RULES).failures == in_a_row


def test_the_budget_is_spent_when_more_than_that_were_tried_again_and_all_is_closed() -> None:
    spent = Circuit(window_at=NOW, spent=RULES.retries)
    assert may_retry(spent, now=NOW, settings=RULES)
    assert not may_retry(replace(spent, spent=RULES.retries + 1), now=NOW, settings=RULES)
    assert not may_retry(replace(spent, open_until=NOW), now=NOW, settings=RULES)
    ahead = replace(spent, spent=RULES.retries + 1, window_at=later(1))
    assert may_retry(ahead, now=NOW, settings=RULES), "a window in the future was opened by a clock that is wrong"


def test_fields_without_a_value_are_not_written() -> None:
    assert dump_circuit(Circuit()) == "{}"
    assert json.loads(dump_circuit(Circuit(failures=1, failed_at=NOW))) == {
        "failures": 1,
        "failed_at": "2026-03-01T12:00:00Z",
    }


def test_it_is_open_to_the_last_moment() -> None:
    opened = Circuit(failures=5, open_until=later(0.5))
    assert open_seconds(opened, now=NOW, settings=RULES) == 0.5
    assert open_seconds(opened, now=later(0.5), settings=RULES) == 0


def test_of_two_requested_waits_the_longest_counts() -> None:
    for waits in ((50, 10), (10, 50)):
        limited = Circuit()
        for wait_s in waits:
            limited = after_limit(limited, wait_s=wait_s, now=NOW, settings=RULES)
        assert limited == Circuit(limited_until=later(50))
    over = after_limit(Circuit(limited_until=later(-1)), wait_s=10, now=NOW, settings=RULES)
    assert over == Circuit(limited_until=later(10))
    bounded = after_limit(Circuit(), wait_s=RULES.limit_s + 1, now=NOW, settings=RULES)
    assert rate_limited_seconds(bounded, now=NOW, settings=RULES) == RULES.limit_s
    wrong = Circuit(limited_until=later(RULES.limit_s + 1))
    assert after_limit(wrong, wait_s=10, now=NOW, settings=RULES) == Circuit(limited_until=later(10))


@given(ahead_s=st.floats(-1e7, 1e7), times=st.integers(1, 20), probing=st.booleans())
def test_a_clock_that_is_wrong_never_keeps_it_open_longer(ahead_s: float, times: int, probing: bool) -> None:  # noqa: FBT001 - drawn
    wrong = Circuit()
    for _ in range(times):
        wrong = after_failure(wrong, now=later(ahead_s), settings=RULES)
    if probing:
        wrong = reserved(wrong, now=later(ahead_s), settings=RULES)
    wrong = after_limit(wrong, wait_s=1e9, now=later(ahead_s), settings=RULES)
    assert open_seconds(wrong, now=NOW, settings=RULES) <= RULES.open_s
    assert rate_limited_seconds(wrong, now=NOW, settings=RULES) <= RULES.limit_s


@given(text=st.text() | st.sampled_from(["null", "[]", '{"failures": "many"}', '{"newer": 1}']))
def test_unreadable_state_counts_as_closed(text: str) -> None:
    found = parse_circuit(text)
    assert is_closed(found)
    assert parse_circuit(dump_circuit(found)) == found


def test_a_circuit_is_read_back_as_it_was_written() -> None:
    found = after_limit(reserved(failed(7), now=NOW, settings=RULES), wait_s=9, now=NOW, settings=RULES)
    assert parse_circuit(dump_circuit(found)) == found

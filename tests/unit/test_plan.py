"""What is done about a finding, and why not more: by table, without a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.findings import Finding, Kind
from steps.plan import Action, healthy, plan
from steps.record import Phase
from steps.survey import Survey
from steps.tries import Tries
from tests.unit.test_findings import DONE, NOW, RULES, ago, document, ledger

FAILED = replace(DONE, phase=Phase.FAILED)
LAST = RULES.tries


def finding(kind: Kind = Kind.STUCK, **changes: Any) -> Finding:  # noqa: ANN401 - passed on
    values: dict[str, Any] = {"kind": kind, "task": "7", "repository": "o/r", "ledger": ledger(), "detail": "seen"}
    return Finding(**(values | changes))


def planned(*findings: Finding, repairs: int = 0, in_flight: int = RULES.in_flight) -> list[tuple[Action, str]]:
    intents = plan(findings, survey=Survey(now=NOW, repairs=repairs), rules=replace(RULES, in_flight=in_flight))
    assert [intent.finding for intent in intents] == list(findings)
    return [(intent.action, intent.why) for intent in intents]


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (Kind.LOST_PUSH, Action.SUBMIT),
        (Kind.STUCK, Action.SUBMIT),
        (Kind.FAILED, Action.SUBMIT),
        (Kind.LIVE_STALE, Action.REOPEN),
        (Kind.HALF_MOVED, Action.SUBMIT),
        (Kind.ORPHANED_LOCK, Action.FREE),
        (Kind.STRAY_FLAG, Action.CLEAR),
        (Kind.CORRUPT_STATE, Action.SET_ASIDE),
        (Kind.UNREADABLE_RECORD, Action.HAND_OVER),
        (Kind.WRONG_CLOCK, Action.REPORT),
    ],
)
def test_each_kind_is_mended_in_its_own_way(kind: Kind, action: Action) -> None:
    assert planned(finding(kind)) == [(action, "")]


def test_a_task_without_a_lease_was_never_tried() -> None:
    assert planned(finding(Kind.LOST_PUSH, ledger=None)) == [(Action.SUBMIT, "")]


def test_a_copy_that_was_made_is_not_made_again() -> None:
    aside = document(corrupt=True, aside=True)
    assert planned(finding(Kind.CORRUPT_STATE, document=aside)) == [(Action.REPORT, "copied aside")]


@pytest.mark.parametrize("kind", [Kind.CORRUPT_STATE, Kind.STRAY_FLAG])
def test_a_document_is_mended_however_often_its_task_was_tried(kind: Kind) -> None:
    tried = ledger(tries=Tries(count=LAST, last_at=NOW), handed_over=True)
    expected = Action.SET_ASIDE if kind is Kind.CORRUPT_STATE else Action.CLEAR
    assert planned(finding(kind, ledger=tried, document=document())) == [(expected, "")]


def test_a_task_that_waits_for_a_person_is_reported_only() -> None:
    assert planned(finding(ledger=ledger(handed_over=True))) == [(Action.REPORT, "waits for a person")]


def test_a_task_is_left_to_a_person_after_the_last_try_and_not_before() -> None:
    long_ago = ago(1e6)
    tried = finding(ledger=ledger(tries=Tries(count=LAST - 1, last_at=long_ago)))
    assert planned(tried) == [(Action.SUBMIT, "")]
    tried = finding(ledger=ledger(tries=Tries(count=LAST, last_at=long_ago)))
    assert planned(tried) == [(Action.HAND_OVER, f"tried {LAST} times")]


def test_a_task_waits_between_two_tries() -> None:
    tried = finding(ledger=ledger(tries=Tries(count=2, last_at=NOW)))
    assert planned(tried) == [(Action.WAIT, "tried 2 times, the last a moment ago")]


@pytest.mark.parametrize(
    "error", ["UnavailableError: PUT x: no answer", "RateLimitedError: later", "BreakerOpenError: open"]
)
def test_an_outage_is_tried_for_as_long_as_it_lasts_with_the_longest_pause(error: str) -> None:
    record = replace(FAILED, errors=("BadInputError: before", error))
    longest_s = RULES.backoff_s * 2 ** (LAST - 1)
    for count in (LAST, LAST + 7):
        away = ledger(record=record, tries=Tries(count=count, last_at=ago(longest_s)))
        assert planned(finding(Kind.FAILED, ledger=away)) == [(Action.SUBMIT, "")]
        recent = replace(away, tries=Tries(count=count, last_at=ago(longest_s - 1)))
        assert planned(finding(Kind.FAILED, ledger=recent))[0][0] is Action.WAIT


@pytest.mark.parametrize(
    ("kind", "errors"),
    [
        (Kind.FAILED, ("UnavailableError: before", "BadInputError: wrong")),
        (Kind.FAILED, ("no colon at all",)),
        (Kind.FAILED, ()),
        (Kind.STUCK, ("UnavailableError: no answer",)),
    ],
)
def test_what_is_no_outage_is_left_to_a_person(kind: Kind, errors: tuple[str, ...]) -> None:
    tried = ledger(record=replace(FAILED, errors=errors), tries=Tries(count=LAST, last_at=ago(1e6)))
    assert planned(finding(kind, ledger=tried))[0][0] is Action.HAND_OVER


def test_no_more_workflows_than_allowed_are_under_way_and_the_others_are_told_so() -> None:
    stuck = [finding(), finding(Kind.LIVE_STALE), finding(), finding()]
    full = (Action.WAIT, "3 repairs are under way")
    assert planned(*stuck, in_flight=3) == [(Action.SUBMIT, ""), (Action.REOPEN, ""), (Action.SUBMIT, ""), full]
    assert planned(*stuck, in_flight=3, repairs=2) == [(Action.SUBMIT, ""), full, full, full]
    assert planned(*stuck, in_flight=3, repairs=3) == [full] * 4


def test_what_needs_no_workflow_is_not_limited() -> None:
    lock, flag = finding(Kind.ORPHANED_LOCK), finding(Kind.STRAY_FLAG, document=document())
    assert planned(lock, flag, repairs=9, in_flight=1) == [(Action.FREE, ""), (Action.CLEAR, "")]
    assert planned(lock, finding(), in_flight=1) == [(Action.FREE, ""), (Action.SUBMIT, "")]


@pytest.mark.parametrize(
    ("survey", "findings", "forgotten"),
    [
        ({}, (), True),
        ({}, (finding(Kind.STUCK),), False),
        ({}, (finding(Kind.STUCK, task="8"),), True),
        ({}, (finding(Kind.ORPHANED_LOCK),), False),
        ({}, (finding(Kind.LIVE_STALE),), False),
        ({}, (finding(Kind.UNREADABLE_RECORD),), False),
        ({}, (finding(Kind.STRAY_FLAG), finding(Kind.CORRUPT_STATE), finding(Kind.WRONG_CLOCK)), True),
        ({"busy": frozenset({("7", "")})}, (), False),
        ({"busy": frozenset({("8", "")})}, (), True),
    ],
)
def test_tries_are_forgotten_once_nothing_is_wrong_and_nobody_at_work(
    survey: dict[str, Any], findings: tuple[Finding, ...], *, forgotten: bool
) -> None:
    tried = ledger(tries=Tries(count=1))
    found = list(healthy(Survey(now=NOW, ledgers=(tried,), **survey), findings))
    assert found == ([tried] if forgotten else [])


def test_tries_that_there_were_none_of_or_of_a_task_that_is_not_at_rest_are_left() -> None:
    ledgers = (
        ledger(),
        ledger(tries=Tries(count=1), holder="w/u/p"),
        ledger(tries=Tries(count=1), record=FAILED),
    )
    assert list(healthy(Survey(now=NOW, ledgers=ledgers), ())) == []

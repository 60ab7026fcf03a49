"""The action for each finding, and the limits: tables without a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.domain.record import LabelOutcome, Phase
from steps.observed_state.repair_attempts import RepairAttempts
from steps.reconciliation.finding import Finding, FindingKind
from steps.reconciliation.planning import RepairAction, healthy_tasks, plan_repairs
from steps.reconciliation.snapshot import ClusterSnapshot
from tests.support.factories import DONE, NOW, RULES, ago, document, finding, push, record, run, task_state

FAILED = replace(DONE, phase=Phase.FAILED)
LAST = RULES.tries
# The Lease of the task with the same number in another repository.
SAME_NUMBER = task_state(name="cancel-o-other-task-7", record=record(push(repository="o/other")))


def planned(*findings: Finding, repairs: int = 0, in_flight: int = RULES.in_flight) -> list[tuple[RepairAction, str]]:
    plan = plan_repairs(
        findings, snapshot=ClusterSnapshot(now=NOW, repairs=repairs), settings=replace(RULES, in_flight=in_flight)
    )
    assert [repair.finding for repair in plan] == list(findings)
    return [(repair.action, repair.reason) for repair in plan]


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (FindingKind.LOST_PUSH, RepairAction.SUBMIT),
        (FindingKind.STUCK, RepairAction.SUBMIT),
        (FindingKind.FAILED, RepairAction.SUBMIT),
        (FindingKind.LIVE_STALE, RepairAction.REOPEN),
        (FindingKind.HALF_MOVED, RepairAction.SUBMIT),
        (FindingKind.NOT_STARTED, RepairAction.REPORT),
        (FindingKind.ORPHANED_LOCK, RepairAction.FREE),
        (FindingKind.STRAY_FLAG, RepairAction.CLEAR),
        (FindingKind.CORRUPT_STATE, RepairAction.QUARANTINE_DOCUMENT),
        (FindingKind.UNREADABLE_RECORD, RepairAction.ESCALATE),
        (FindingKind.WRONG_CLOCK, RepairAction.REPORT),
    ],
)
def test_each_kind_has_its_own_repair(kind: FindingKind, action: RepairAction) -> None:
    assert planned(finding(kind)) == [(action, "")]


def test_a_task_without_a_lease_has_no_attempts() -> None:
    assert planned(finding(FindingKind.LOST_PUSH, task_state=None)) == [(RepairAction.SUBMIT, "")]


def test_a_document_in_quarantine_is_not_copied_again() -> None:
    copied = document(corrupt=True, quarantined=True)
    assert planned(finding(FindingKind.CORRUPT_STATE, document=copied)) == [
        (RepairAction.REPORT, "already in quarantine")
    ]


@pytest.mark.parametrize("kind", [FindingKind.CORRUPT_STATE, FindingKind.STRAY_FLAG])
def test_a_document_is_repaired_after_any_number_of_attempts(kind: FindingKind) -> None:
    tried = task_state(attempts=RepairAttempts(count=LAST, last_at=NOW), escalated=True)
    expected = RepairAction.QUARANTINE_DOCUMENT if kind is FindingKind.CORRUPT_STATE else RepairAction.CLEAR
    assert planned(finding(kind, task_state=tried, document=document())) == [(expected, "")]


def test_an_escalated_task_is_only_reported() -> None:
    assert planned(finding(task_state=task_state(escalated=True))) == [(RepairAction.REPORT, "already escalated")]


def test_a_task_is_escalated_after_the_last_attempt_and_not_before() -> None:
    long_ago = ago(1e6)
    tried = finding(task_state=task_state(attempts=RepairAttempts(count=LAST - 1, last_at=long_ago)))
    assert planned(tried) == [(RepairAction.SUBMIT, "")]
    tried = finding(task_state=task_state(attempts=RepairAttempts(count=LAST, last_at=long_ago)))
    assert planned(tried) == [(RepairAction.ESCALATE, f"tried {LAST} times")]


@pytest.mark.parametrize("tried", [RepairAttempts(count=LAST), RepairAttempts(count=1, last_at=NOW)])
def test_a_workflow_that_does_not_start_is_reported_whatever_was_tried(tried: RepairAttempts) -> None:
    found = finding(FindingKind.NOT_STARTED, task_state=task_state(attempts=tried, escalated=True))
    assert planned(found) == [(RepairAction.REPORT, "")]


def test_a_task_waits_between_two_attempts() -> None:
    tried = finding(task_state=task_state(attempts=RepairAttempts(count=2, last_at=NOW)))
    assert planned(tried) == [(RepairAction.WAIT, "tried 2 times, pause not over")]


@pytest.mark.parametrize(
    "error", ["UnavailableError: PUT x: no answer", "RateLimitedError: later", "BreakerOpenError: open"]
)
def test_attempts_during_an_outage_continue_with_the_longest_pause(error: str) -> None:
    record = replace(FAILED, errors=("BadInputError: before", error))
    longest_s = RULES.backoff_s * 2 ** (LAST - 1)
    for count in (LAST, LAST + 7):
        away = task_state(record=record, attempts=RepairAttempts(count=count, last_at=ago(longest_s)))
        assert planned(finding(FindingKind.FAILED, task_state=away)) == [(RepairAction.SUBMIT, "")]
        recent = replace(away, attempts=RepairAttempts(count=count, last_at=ago(longest_s - 1)))
        assert planned(finding(FindingKind.FAILED, task_state=recent))[0][0] is RepairAction.WAIT


@pytest.mark.parametrize(
    ("kind", "errors"),
    [
        (FindingKind.FAILED, ("UnavailableError: before", "BadInputError: wrong")),
        (FindingKind.FAILED, ("no colon at all",)),
        (FindingKind.FAILED, ()),
        (FindingKind.STUCK, ("UnavailableError: no answer",)),
        (FindingKind.LOST_PUSH, ("UnavailableError: no answer",)),
    ],
)
def test_other_failures_are_escalated(kind: FindingKind, errors: tuple[str, ...]) -> None:
    tried = task_state(record=replace(FAILED, errors=errors), attempts=RepairAttempts(count=LAST, last_at=ago(1e6)))
    assert planned(finding(kind, task_state=tried))[0][0] is RepairAction.ESCALATE


@pytest.mark.parametrize(
    ("labels", "action"),
    [(LabelOutcome.UNREADABLE, RepairAction.SUBMIT), (LabelOutcome.HEAD_MOVED, RepairAction.ESCALATE)],
)
def test_attempts_continue_while_github_cannot_be_read_for_the_labels(
    labels: LabelOutcome, action: RepairAction
) -> None:
    attempts = RepairAttempts(count=LAST, last_at=ago(1e6))
    tried = task_state(record=replace(DONE, labels=labels), attempts=attempts)
    assert planned(finding(FindingKind.HALF_MOVED, task_state=tried))[0][0] is action


def test_at_most_the_allowed_number_of_workflows_runs_and_the_others_wait() -> None:
    stuck = [finding(), finding(FindingKind.LIVE_STALE), finding(), finding()]
    full = (RepairAction.WAIT, "3 repairs are running")
    assert planned(*stuck, in_flight=3) == [
        (RepairAction.SUBMIT, ""),
        (RepairAction.REOPEN, ""),
        (RepairAction.SUBMIT, ""),
        full,
    ]
    assert planned(*stuck, in_flight=3, repairs=2) == [(RepairAction.SUBMIT, ""), full, full, full]
    assert planned(*stuck, in_flight=3, repairs=3) == [full] * 4


def test_repairs_without_a_workflow_are_not_limited() -> None:
    lock, flag = finding(FindingKind.ORPHANED_LOCK), finding(FindingKind.STRAY_FLAG, document=document())
    assert planned(lock, flag, repairs=9, in_flight=1) == [(RepairAction.FREE, ""), (RepairAction.CLEAR, "")]
    assert planned(lock, finding(), in_flight=1) == [(RepairAction.FREE, ""), (RepairAction.SUBMIT, "")]


@pytest.mark.parametrize(
    ("snapshot", "findings", "forgotten"),
    [
        ({}, (), True),
        ({}, (finding(FindingKind.STUCK),), False),
        ({}, (finding(FindingKind.STUCK, task_state=task_state("8")),), True),
        ({}, (finding(FindingKind.ORPHANED_LOCK),), False),
        ({}, (finding(FindingKind.LIVE_STALE),), False),
        ({}, (finding(FindingKind.UNREADABLE_RECORD),), False),
        (
            {},
            (finding(FindingKind.STRAY_FLAG), finding(FindingKind.CORRUPT_STATE), finding(FindingKind.WRONG_CLOCK)),
            True,
        ),
        ({"busy": frozenset({("7", "")})}, (), False),
        ({"busy": frozenset({("8", "")})}, (), True),
        ({"busy": frozenset({("7", "o.r")})}, (), False),
        ({"busy": frozenset({("7", "o.other")})}, (), True),
        ({}, (finding(FindingKind.STUCK, task_state=SAME_NUMBER),), True),
        ({}, (finding(FindingKind.UNREADABLE_RECORD, task_state=replace(SAME_NUMBER, record=None)),), True),
        ({}, (finding(FindingKind.LOST_PUSH, task_state=None, push=push(repository="o/other")),), True),
    ],
)
def test_attempts_are_reset_for_a_healthy_idle_task(
    snapshot: dict[str, Any], findings: tuple[Finding, ...], *, forgotten: bool
) -> None:
    tried = task_state(attempts=RepairAttempts(count=1))
    found = list(healthy_tasks(ClusterSnapshot(now=NOW, task_states=(tried,), **snapshot), findings))
    assert found == ([tried] if forgotten else [])


@pytest.mark.parametrize(
    ("snapshot", "finished_at", "forgotten"),
    [
        ({}, 200, True),
        ({"unread": ("GitHub: 502",)}, 200, False),
        ({"unread": ("GitHub: 502",)}, 100, False),
        ({"unread": ("GitHub: 502",)}, 50, True),
        ({"runs": (run(created_at=ago(150)),)}, 200, False),
        ({"runs": (run(created_at=ago(150)),)}, 50, True),
        ({"runs": (run(created_at=ago(100)),)}, 200, False),
        ({"runs": (run(created_at=ago(99)),)}, 200, True),
        ({"runs": (run(created_at=ago(150), repository="O/R"),)}, 200, False),
        ({"runs": (run(created_at=ago(150), repository=""),)}, 200, False),
        ({"runs": (run("8", created_at=ago(150)),)}, 200, True),
        ({"runs": (run(created_at=ago(150), repository="o/other"),)}, 200, True),
    ],
)
def test_attempts_are_reset_only_if_the_snapshot_shows_that_their_reason_has_gone(
    snapshot: dict[str, Any], finished_at: float, *, forgotten: bool
) -> None:
    """A failed request, or a list of pushes that no longer goes back so far, finds nothing as well."""
    done = replace(record(push()), finished_at=ago(finished_at))
    tried = task_state(attempts=RepairAttempts(count=1, last_at=ago(100)), escalated=True, record=done)
    found = list(healthy_tasks(ClusterSnapshot(now=NOW, task_states=(tried,), **snapshot), ()))
    assert found == ([tried] if forgotten else [])


def test_attempts_of_a_lease_without_a_record_are_not_reset_while_any_run_from_before_them_lives() -> None:
    tried = task_state(attempts=RepairAttempts(count=5, last_at=ago(100)), record=None)
    snapshot = ClusterSnapshot(now=NOW, task_states=(tried,), runs=(run(created_at=ago(150), repository="o/other"),))
    assert list(healthy_tasks(snapshot, ())) == []


def test_attempts_of_a_lease_without_a_record_are_not_reset_while_any_workflow_of_its_number_runs() -> None:
    tried = task_state(attempts=RepairAttempts(count=1), record=None)
    snapshot = ClusterSnapshot(now=NOW, task_states=(tried,), busy=frozenset({("7", "o.other")}))
    assert list(healthy_tasks(snapshot, ())) == []


def test_a_task_without_attempts_or_a_task_that_is_not_idle_is_not_reset() -> None:
    task_states = (
        task_state(),
        task_state(attempts=RepairAttempts(count=1), holder="w/u/p"),
        task_state(attempts=RepairAttempts(count=1), record=FAILED),
    )
    assert list(healthy_tasks(ClusterSnapshot(now=NOW, task_states=task_states), ())) == []

"""Which problems of a Lease, of runs and of pushes are findings: tables of plain values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.core.keys import repository_label
from steps.domain.agent import RunOutcome
from steps.domain.push import ZERO_SHA, Sha
from steps.domain.record import LabelOutcome, PullRequest, Record
from steps.domain.wording import LABEL_TEXT
from steps.reconciliation.detection import find_problems
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.snapshot import ClusterSnapshot
from steps.reconciliation.task_index import TaskIndex
from tests.support.factories import DONE, NOW, OWN, REX, RULES, ago, push, push_of, record, run, task_state
from tests.support.harness import DEFAULTS
from tests.unit.reconciliation.findings import FAILED, HOLDER, IN_PROGRESS, POD, kinds


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"record": IN_PROGRESS, "holder": HOLDER}, [FindingKind.STUCK], id="its pod is gone"),
        pytest.param({"record": IN_PROGRESS}, [FindingKind.STUCK], id="it has no holder"),
        pytest.param(
            {"record": IN_PROGRESS, "holder": "someone//"}, [FindingKind.STUCK], id="a laptop stopped renewing"
        ),
        pytest.param({"record": IN_PROGRESS, "renewed_at": ago(299)}, [], id="not for long enough"),
        pytest.param({"record": IN_PROGRESS, "renewed_at": None}, [FindingKind.STUCK], id="never renewed"),
        pytest.param({"record": IN_PROGRESS, "renewed_at": ago(-20)}, [], id="a clock within tolerance ahead"),
        pytest.param(
            {"record": IN_PROGRESS, "renewed_at": ago(-3600)},
            [FindingKind.STUCK, FindingKind.WRONG_CLOCK],
            id="clock an hour ahead",
        ),
        pytest.param({"record": FAILED, "renewed_at": ago(1)}, [FindingKind.FAILED], id="failed a moment ago"),
        pytest.param({"record": FAILED, "holder": HOLDER}, [FindingKind.FAILED], id="failed, holder gone"),
        pytest.param({"holder": HOLDER, "renewed_at": ago(61)}, [FindingKind.ORPHANED_LOCK], id="finished and held"),
        pytest.param({"holder": HOLDER, "renewed_at": ago(59)}, [], id="finished and held a moment ago"),
        pytest.param({"record": None, "holder": HOLDER}, [FindingKind.ORPHANED_LOCK], id="no record and held"),
        pytest.param({"record": None}, [], id="no record and free"),
        pytest.param({"record": None, "problem": "wrong: x"}, [FindingKind.UNREADABLE_RECORD], id="unreadable"),
        pytest.param(
            {"record": replace(DONE, labels=LabelOutcome.UNREADABLE)}, [FindingKind.HALF_MOVED], id="GitHub was down"
        ),
        pytest.param(
            {"record": replace(DONE, labels=LabelOutcome.HEAD_MOVED, left_to="c" * 40)},
            [FindingKind.HALF_MOVED],
            id="left to a push that never came",
        ),
        pytest.param(
            {"record": replace(DONE, labels=LabelOutcome.HEAD_MOVED, left_to="c" * 40), "renewed_at": ago(119)},
            [],
            id="left to a push that may come",
        ),
        pytest.param({"record": replace(DONE, labels=LabelOutcome.SKIPPED)}, [], id="skip label"),
        pytest.param({"record": replace(DONE, labels=LabelOutcome.NO_PULL_REQUEST)}, [], id="no pull request"),
        pytest.param({"record": replace(DONE, labels=LabelOutcome.AMBIGUOUS)}, [], id="two pull requests"),
    ],
)
def test_a_lease_has_a_finding_or_none(given_: dict[str, Any], expected: list[FindingKind]) -> None:
    assert kinds(task_states=(task_state(**given_),)) == expected


@pytest.mark.parametrize(
    ("branch", "finished_s", "labels", "expected"),
    [
        ("task-7", 60, LabelOutcome.NO_PULL_REQUEST, [FindingKind.HALF_MOVED]),
        ("task-7", 60, LabelOutcome.SKIPPED, [FindingKind.HALF_MOVED]),
        ("task-7", 60, LabelOutcome.MOVED, []),
        ("task-70", 60, LabelOutcome.NO_PULL_REQUEST, []),
        ("task-7", RULES.late_labels_s, LabelOutcome.NO_PULL_REQUEST, []),
    ],
)
def test_labels_that_are_due_are_a_finding_of_the_recorded_push(
    branch: str, finished_s: float, labels: LabelOutcome, expected: list[FindingKind]
) -> None:
    stayed = replace(DONE, labels=labels, finished_at=ago(finished_s))
    pulls = {(str(OWN), branch): (PullRequest(number=1, head_sha="a" * 40, labels=()),)}
    snapshot = ClusterSnapshot(now=NOW, task_states=(task_state(record=stayed),), pulls=pulls)
    found = find_problems(snapshot, settings=DEFAULTS)
    assert [each.kind for each in found] == expected
    assert [push_of(each) for each in found] == [DONE.push] * len(expected)
    assert [each.detail for each in found] == [f"{LABEL_TEXT[labels]}; this has changed since"] * len(expected)


@pytest.mark.parametrize(("skip_on", "due"), [("task-7", False), ("other", True), ("", True)])
def test_labels_are_not_due_while_another_branch_of_the_task_has_the_skip_label(skip_on: str, *, due: bool) -> None:
    stayed = replace(DONE, labels=LabelOutcome.NO_PULL_REQUEST, finished_at=ago(60))
    of_another = replace(stayed.finished_pushes[0], push=replace(DONE.push, ref="refs/heads/task-7-other"))
    both = replace(stayed, branches=(replace(of_another, labels=LabelOutcome.MOVED),))
    skip = DEFAULTS.labels.skip
    pulls = {
        (str(OWN), stayed.push.branch): (PullRequest(number=1, head_sha="a" * 40, labels=()),),
        (str(OWN), "task-7-other" if skip_on == "task-7" else "unrelated"): (
            PullRequest(number=2, head_sha="b" * 40, labels=(skip,) if skip_on else ()),
        ),
    }
    snapshot = ClusterSnapshot(now=NOW, task_states=(task_state(record=both),), pulls=pulls)
    found = find_problems(snapshot, settings=DEFAULTS)
    assert [each.kind for each in found] == ([FindingKind.HALF_MOVED] if due else [])


def test_a_head_that_labels_were_left_to_is_submitted_without_the_commit_that_it_replaced() -> None:
    pushed = replace(DONE.push, before=Sha("d" * 40))
    left = replace(DONE, push=pushed, labels=LabelOutcome.HEAD_MOVED, left_to="c" * 40)
    (found,) = find_problems(ClusterSnapshot(now=NOW, task_states=(task_state(record=left),)), settings=DEFAULTS)
    assert push_of(found) == replace(pushed, sha=Sha("c" * 40), before=Sha(ZERO_SHA))


@pytest.mark.parametrize("state", [IN_PROGRESS, FAILED, replace(DONE, labels=LabelOutcome.UNREADABLE)])
def test_an_active_task_has_no_finding(state: Record) -> None:
    held = task_state(record=state, holder=HOLDER, renewed_at=ago(299))
    assert kinds(task_states=(held,), pods=frozenset({POD})) == []
    silent = replace(held, renewed_at=ago(300))
    assert kinds(task_states=(silent,), pods=frozenset({POD})) != [], "its node may be unreachable"
    free = task_state(record=state)
    assert kinds(task_states=(free,), busy=frozenset({("7", "")})) == []
    assert kinds(task_states=(free,), busy=frozenset({("7", repository_label(OWN))})) == []
    assert kinds(task_states=(free,), busy=frozenset({("7", "other.repository"), ("8", "")})) != []


def test_a_laptop_is_active_until_twice_the_duration_of_its_lease_after_the_last_renewal() -> None:
    index, silent_s = (
        TaskIndex.from_snapshot(ClusterSnapshot(now=NOW), settings=DEFAULTS),
        2 * DEFAULTS.lease.duration_s,
    )
    assert index.is_held(task_state(holder="someone//", renewed_at=ago(silent_s - 1)))
    assert not index.is_held(task_state(holder="someone//", renewed_at=ago(silent_s)))


def test_a_clock_is_ahead_by_more_than_the_tolerance() -> None:
    index, tolerated_s = TaskIndex.from_snapshot(ClusterSnapshot(now=NOW), settings=DEFAULTS), DEFAULTS.push.tolerance_s
    assert not index.is_ahead(task_state(renewed_at=ago(-tolerated_s)))
    assert index.is_ahead(task_state(renewed_at=ago(-tolerated_s - 1)))


@pytest.mark.parametrize(
    ("given_", "stale"),
    [
        ({}, True),
        ({"phase": ""}, True),
        ({"created_at": ago(1000)}, True),
        ({"created_at": ago(999)}, False),
        ({"agent": REX}, False),
        ({"agent": "unheard-of"}, False),
        ({"phase": "Succeeded"}, False),
        ({"sha": "a" * 40}, False),
        ({"sha": "b" * 40}, True),
        ({"deleting": True}, False),
        ({"repository": "o/other"}, False),
        ({"repository": ""}, False),
        ({"task": "8"}, False),
    ],
)
def test_only_stale_runs_are_findings(given_: dict[str, Any], *, stale: bool) -> None:
    found = kinds(task_states=(task_state(),), runs=(run(**given_),))
    assert found == ([FindingKind.LIVE_STALE] if stale else [])
    skipped = task_state(record=replace(DONE, labels=LabelOutcome.SKIPPED))
    assert kinds(task_states=(skipped,), runs=(run(**given_),)) == []


@pytest.mark.parametrize(
    ("uid", "kept_for", "exist", "stale"),
    [
        pytest.param("r", "child", {"r", "child"}, False, id="it owns a run that exists"),
        pytest.param("r", "child", {"r"}, True, id="that run is gone"),
        pytest.param("other", "child", {"r", "child"}, True, id="another run owns it"),
        pytest.param("r", None, {"r", "child"}, True, id="it was kept for another reason"),
    ],
)
def test_a_stale_run_that_was_kept_for_a_run_that_it_owns_is_a_finding_once_that_one_is_gone(
    uid: str, kept_for: str | None, exist: set[str], *, stale: bool
) -> None:
    _, owner = run()
    agent = replace(owner.as_agent(outcome=RunOutcome.KEPT, reason="", kept_for=kept_for), uid=uid)
    known = task_state(record=replace(DONE, agents=(agent,)))
    found = kinds(task_states=(known,), runs=(run(),), run_uids=frozenset(exist))
    assert found == ([FindingKind.LIVE_STALE] if stale else [])


@pytest.mark.parametrize(
    ("known", "lost"),
    [
        (None, True),
        ({}, True),
        ({"record": record(push(sha="n", at=ago(500)))}, False),
        ({"record": record(push(sha="n", at=ago(501)))}, False),
        ({"record": record(push(sha="z", at=ago(400)))}, False),
        ({"record": record(push(sha="z", at=ago(500)))}, False),
        ({"record": IN_PROGRESS}, True),
        ({"record": FAILED}, True),
        ({"record": replace(DONE, labels=LabelOutcome.SKIPPED)}, True),
        ({"record": IN_PROGRESS, "holder": "someone//", "renewed_at": ago(5)}, False),
    ],
)
def test_a_push_is_lost_if_the_record_has_an_earlier_one(known: dict[str, Any] | None, *, lost: bool) -> None:
    task_states = () if known is None else (task_state(**known),)
    pushes = (push(sha="n", at=ago(500)),)
    # The agents started between the two pushes, so the record itself has no finding.
    found = kinds(task_states=task_states, pushes=pushes, runs=(run(created_at=ago(600)),))
    assert (FindingKind.LOST_PUSH in found) is lost
    assert not lost or found == [FindingKind.LOST_PUSH], "one Workflow is enough"


@pytest.mark.parametrize(("at_s", "lost"), [(500, True), (800, False)])
def test_a_push_on_a_commit_older_than_a_repaired_head_is_lost_if_its_time_is_later(at_s: float, *, lost: bool) -> None:
    """Nobody knows which commit the head replaced, so the commits do not decide."""
    older = "d" * 40
    known = task_state(record=record(push(sha="z", at=ago(700)), older=(older,)))
    late = replace(push(sha="n", at=ago(at_s)), before=Sha(older))
    found = kinds(task_states=(known,), pushes=(late,), runs=(run(created_at=ago(900)),))
    assert (FindingKind.LOST_PUSH in found) is lost


@pytest.mark.parametrize("change", [{"created_at": ago(400)}, {"agent": REX}, {"sha": "n" * 40}, {"phase": "Failed"}])
def test_a_push_without_stale_runs_is_not_lost(change: dict[str, Any]) -> None:
    assert kinds(pushes=(push(sha="n", at=ago(500)),), runs=(run(**change),)) == []


@pytest.mark.parametrize(("before_s", "lost"), [(2, True), (1, False)])
def test_a_run_that_started_right_before_a_push_may_be_newer(before_s: float, *, lost: bool) -> None:
    found = kinds(pushes=(push(sha="n", at=ago(500)),), runs=(run(created_at=ago(500 + before_s)),))
    assert found == ([FindingKind.LOST_PUSH] if lost else [])


def test_a_recent_push_and_a_running_workflow_are_no_findings() -> None:
    assert kinds(pushes=(push(sha="n", at=ago(119)),), runs=(run(),)) == []
    assert kinds(pushes=(push(sha="n", at=ago(120)),), runs=(run(),)) == [FindingKind.LOST_PUSH]
    assert kinds(pushes=(push(sha="n", at=ago(500)),), runs=(run(),), busy=frozenset({("7", "")})) == []
    unreadable = task_state(record=None, problem="wrong: x")
    found = kinds(pushes=(push(sha="n", at=ago(500)),), runs=(run(),), task_states=(unreadable,))
    assert found == [FindingKind.UNREADABLE_RECORD], "a Workflow could not read the record either"


def test_a_lost_push_is_found_although_the_same_number_of_another_repository_is_unreadable() -> None:
    other = task_state(name="cancel-o-other-task-7", record=None, problem="wrong: x")
    found = kinds(pushes=(push(sha="n", at=ago(500)),), runs=(run(),), task_states=(other,))
    assert found == [FindingKind.LOST_PUSH, FindingKind.UNREADABLE_RECORD]


def test_a_lock_without_a_record_is_not_orphaned_while_a_workflow_of_its_number_runs() -> None:
    held = task_state(record=None, holder=HOLDER, renewed_at=ago(900))
    assert kinds(task_states=(held,)) == [FindingKind.ORPHANED_LOCK]
    assert kinds(task_states=(held,), busy=frozenset({("7", "o.r")})) == []


def test_a_push_that_is_not_lost_does_not_hide_a_lost_one() -> None:
    dealt_with, unreadable = push("8", sha="n", at=ago(500)), push("9", sha="n", at=ago(500))
    found = find_problems(
        ClusterSnapshot(
            now=NOW,
            pushes=(dealt_with, unreadable, push(sha="n", at=ago(500))),
            runs=(run(), run("9")),
            task_states=(task_state("9", record=None, problem="wrong: x"),),
        ),
        settings=DEFAULTS,
    )
    assert [(each.kind, each.task) for each in found] == [
        (FindingKind.LOST_PUSH, "7"),
        (FindingKind.UNREADABLE_RECORD, "9"),
    ]

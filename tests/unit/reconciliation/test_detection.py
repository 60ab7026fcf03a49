"""Which problems are findings: tables of plain values, and properties of whole snapshots."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.cancellation.state_document import read_state_document, state_document_task
from steps.core.keys import repository_label
from steps.domain.agent import RunOutcome
from steps.domain.push import Push, Sha
from steps.domain.record import LabelOutcome, Phase, PullRequest, Record
from steps.domain.wording import LABEL_TEXT
from steps.observed_state.repair_attempts import RepairAttempts
from steps.observed_state.task_state import TaskState
from steps.reconciliation.detection import find_problems
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.garbage_collection import idle_leases
from steps.reconciliation.planning import RepairAction, healthy_tasks, plan_repairs
from steps.reconciliation.snapshot import ClusterSnapshot
from steps.reconciliation.task_index import TaskIndex
from tests.support.factories import (
    DONE,
    NOW,
    OWN,
    REX,
    RULES,
    TESS,
    ago,
    document,
    document_of,
    push,
    push_of,
    record,
    run,
    task_state,
    task_workflow,
)
from tests.support.harness import DEFAULTS

POD = ("pod", "uid")
HOLDER = "workflow/uid/pod"


def kinds(**snapshot: Any) -> list[FindingKind]:  # noqa: ANN401 - passed on
    return [finding.kind for finding in find_problems(ClusterSnapshot(now=NOW, **snapshot), settings=DEFAULTS)]


IN_PROGRESS = replace(DONE, phase=Phase.IN_PROGRESS)
FAILED = replace(DONE, phase=Phase.FAILED)


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


@pytest.mark.parametrize(
    ("given_", "task_states", "expected"),
    [
        ({"flag": True}, (), [FindingKind.STRAY_FLAG]),
        ({"flag": True}, (task_state(),), [FindingKind.STRAY_FLAG]),
        ({"flag": True, "updated_at": None}, (), [FindingKind.STRAY_FLAG]),
        ({"flag": True, "updated_at": ago(299)}, (), []),
        ({"flag": True, "updated_at": ago(300)}, (), [FindingKind.STRAY_FLAG]),
        ({"flag": True}, (task_state(holder="someone//", renewed_at=ago(1)),), []),
        ({"flag": True}, (task_state(record=FAILED),), [FindingKind.FAILED]),
        ({"flag": True}, (task_state(record=IN_PROGRESS, holder="someone//", renewed_at=ago(1)),), []),
        ({"flag": True}, (task_state(record=None, problem="wrong: x"),), [FindingKind.UNREADABLE_RECORD]),
        ({"corrupt": True}, (), [FindingKind.CORRUPT_STATE]),
        ({}, (), []),
    ],
)
def test_a_state_document_has_a_finding_or_none(
    given_: dict[str, Any], task_states: tuple[TaskState, ...], expected: list[FindingKind]
) -> None:
    assert kinds(documents=(document(**given_),), task_states=task_states) == expected


def test_a_corrupt_document_belongs_to_the_newest_lease_of_its_task() -> None:
    newest = task_state(epoch=5)
    snapshot = ClusterSnapshot(
        now=NOW, documents=(document(corrupt=True),), task_states=(task_state(record=None, epoch=4), newest)
    )
    (found,) = find_problems(snapshot, settings=DEFAULTS)
    assert found.task_state == newest


def test_a_flag_is_left_to_a_planned_or_running_workflow() -> None:
    flagged = {"documents": (document(flag=True),), "task_states": (task_state(),)}
    assert kinds(**flagged, runs=(run(),)) == [FindingKind.LIVE_STALE]
    assert kinds(**flagged, busy=frozenset({("7", "other.repository")})) == []
    assert kinds(**flagged, busy=frozenset({("8", "")})) == [FindingKind.STRAY_FLAG]


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


@pytest.mark.parametrize(
    ("given_", "lease", "found"),
    [
        pytest.param({}, None, True, id="the task has no Lease"),
        pytest.param({}, {}, True, id="the Lease is free and silent"),
        pytest.param({"created_at": ago(300)}, {}, True, id="for just long enough"),
        pytest.param({"created_at": ago(299)}, {}, False, id="not for long enough"),
        pytest.param({"created_at": None}, {}, False, id="nobody knows for how long"),
        pytest.param({}, {"renewed_at": ago(299)}, False, id="another Workflow of the task ended a while ago"),
        pytest.param({}, {"renewed_at": ago(300)}, True, id="another Workflow of the task ended long ago"),
        pytest.param({}, {"holder": HOLDER, "renewed_at": ago(10)}, False, id="a pod is at work"),
        pytest.param({}, {"holder": HOLDER, "renewed_at": ago(301)}, True, id="its pod stands still"),
        pytest.param({"phase": ""}, {}, True, id="Argo has not seen it"),
        pytest.param({"phase": "Running"}, {}, True, id="it has begun, but its pod has not"),
        pytest.param({"repository_label": repository_label(OWN)}, {"renewed_at": ago(1)}, False, id="of the Lease"),
        pytest.param({"repository_label": "o.other"}, {"renewed_at": ago(1)}, True, id="of another repository"),
        pytest.param(
            {"repository_label": repository_label(OWN)},
            {"record": None, "problem": "wrong", "renewed_at": ago(1)},
            False,
            id="of a Lease whose record cannot be read",
        ),
    ],
)
def test_a_workflow_that_nobody_works_for_is_a_finding(
    given_: dict[str, Any], lease: dict[str, Any] | None, *, found: bool
) -> None:
    states = () if lease is None else (task_state(**lease),)
    workflows = (task_workflow(**given_),)
    busy = frozenset((each.task, each.repository_label) for each in workflows)
    kinds_ = kinds(task_states=states, workflows=workflows, busy=busy, pods=frozenset({POD}))
    assert (FindingKind.NOT_STARTED in kinds_) is found


def test_of_the_workflows_of_a_task_the_oldest_is_named_once() -> None:
    young = task_workflow("w4", created_at=ago(1))
    waiting = (young, task_workflow("w2", created_at=ago(500)), task_workflow("w1"), task_workflow("w3"))
    other = task_workflow("w0", repository_label="o.other")
    found = find_problems(
        ClusterSnapshot(now=NOW, workflows=(*waiting, other), task_states=(task_state(),)), settings=DEFAULTS
    )
    assert [(each.task, each.repository, each.detail, each.task_state) for each in found] == [
        ("7", "", f"Workflow w0 waits, and nobody works on the task, created at {ago(900)}", None),
        ("7", OWN, f"Workflow w1 waits, and nobody works on the task, created at {ago(900)}", task_state()),
    ]


@pytest.mark.parametrize(
    ("phase", "problem", "advice"),
    [
        ("", "Argo has not seen Workflow w1", "check that Argo's controller runs"),
        ("Pending", "Workflow w1 waits, and nobody works on the task", "see its message"),
        ("Running", "Workflow w1 has begun, but no pod works for it", "look at its pods"),
    ],
)
def test_what_keeps_a_workflow_from_starting_is_told_by_its_phase(phase: str, problem: str, advice: str) -> None:
    (found,) = find_problems(ClusterSnapshot(now=NOW, workflows=(task_workflow(phase=phase),)), settings=DEFAULTS)
    assert found.detail == f"{problem}, created at {ago(900)}"
    assert found.advice.startswith(advice)


LEFT = replace(DONE, labels=LabelOutcome.HEAD_MOVED, left_to="c" * 40)
LOST = push(sha="n", at=ago(500))


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (
            {"task_states": (task_state(record=replace(FAILED, errors=("first", "second", "last: reason"))),)},
            (FindingKind.FAILED, FAILED.push, "failed, and no Workflow continues: last: reason", ""),
        ),
        (
            {"task_states": (task_state(record=FAILED),)},
            (FindingKind.FAILED, FAILED.push, "failed, and no Workflow continues: no reason given", ""),
        ),
        (
            {"task_states": (task_state(record=IN_PROGRESS),)},
            (
                FindingKind.STUCK,
                DONE.push,
                f"in progress since {ago(1000).isoformat()}, and no Workflow or holder is active",
                "",
            ),
        ),
        (
            {"task_states": (task_state(),), "runs": (run(),)},
            (FindingKind.LIVE_STALE, DONE.push, "completed, but stale runs are active: run-5DLabs-Tess", ""),
        ),
        (
            {"task_states": (task_state(record=replace(DONE, labels=LabelOutcome.UNREADABLE)),)},
            (FindingKind.HALF_MOVED, DONE.push, "GitHub could not be read, labels not moved", ""),
        ),
        (
            {"task_states": (task_state(record=LEFT),)},
            (
                FindingKind.HALF_MOVED,
                replace(DONE.push, sha=Sha("c" * 40)),
                "labels were left to cccccccccccc, but its push never arrived",
                "",
            ),
        ),
        (
            {"task_states": (task_state(holder=HOLDER),)},
            (FindingKind.ORPHANED_LOCK, None, f"held by {HOLDER}, which no longer exists", ""),
        ),
        (
            {"task_states": (task_state(record=None, problem="not: read: delete it"),)},
            (FindingKind.UNREADABLE_RECORD, None, "not: read: delete it", "delete it"),
        ),
        (
            {"task_states": (task_state(renewed_at=ago(-60)),)},
            (
                FindingKind.WRONG_CLOCK,
                None,
                f"last renewed in the future, at {ago(-60)}",
                "correct the clock of the node that ran the task's last pod",
            ),
        ),
        (
            {"pushes": (LOST,), "runs": (run(),)},
            (
                FindingKind.LOST_PUSH,
                LOST,
                f"no Workflow for {LOST.title}, at {ago(500).isoformat()}; stale runs are active: run-5DLabs-Tess",
                "",
            ),
        ),
        (
            {"documents": (document(flag=True),)},
            (
                FindingKind.STRAY_FLAG,
                None,
                "ConfigMap task-7-state says that a cancellation is in progress, but none is",
                "",
            ),
        ),
        (
            {"pushes": (LOST,), "runs": (run(created_at=ago(600)),), "task_states": (task_state(),)},
            (
                FindingKind.LOST_PUSH,
                LOST,
                f"no Workflow for {LOST.title}, at {ago(500).isoformat()}; stale runs are active: run-5DLabs-Tess",
                "",
            ),
        ),
        (
            {
                "documents": (document(flag=True),),
                "task_states": (task_state(epoch=5), task_state(record=None, epoch=4)),
            },
            (
                FindingKind.STRAY_FLAG,
                None,
                "ConfigMap task-7-state says that a cancellation is in progress, but none is",
                "",
            ),
        ),
        (
            {"documents": (document(corrupt=True),)},
            (
                FindingKind.CORRUPT_STATE,
                None,
                "the document in ConfigMap task-7-state is not a JSON object",
                "correct it by hand; its quarantine key has a copy",
            ),
        ),
    ],
    ids=lambda given: str(given[0]) if isinstance(given, tuple) else "",
)
def test_a_finding_has_a_detail_a_push_and_advice(
    snapshot: dict[str, Any], expected: tuple[FindingKind, Push | None, str, str]
) -> None:
    (found,) = find_problems(ClusterSnapshot(now=NOW, **snapshot), settings=DEFAULTS)
    assert (found.kind, push_of(found), found.detail, found.advice) == expected
    assert found.task == "7"
    assert found.repository == (OWN if push_of(found) or (found.task_state and found.task_state.record) else "")
    assert found.task_state == next(iter(snapshot.get("task_states", ())), None)
    assert document_of(found) == next(iter(snapshot.get("documents", ())), None)


@pytest.mark.parametrize(
    ("count", "names"), [(2, "r, r"), (3, "r, r, r"), (4, "r, r, r and 1 more"), (9, "r, r, r and 6 more")]
)
def test_at_most_three_runs_are_named(count: int, names: str) -> None:
    task, one = run()
    snapshot = ClusterSnapshot(now=NOW, task_states=(task_state(),), runs=((task, replace(one, name="r")),) * count)
    (found,) = find_problems(snapshot, settings=DEFAULTS)
    assert found.detail == f"completed, but stale runs are active: {names}"


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("task-7-state", "7"),
        ("task-proj-7-state", "proj-7"),
        ("task-7_-state", ""),
        ("task-7-state-2", ""),
        ("my-task-7-state", ""),
        ("task--state", ""),
    ],
)
def test_a_state_document_is_identified_by_its_name(name: str, task: str) -> None:
    assert state_document_task(name, settings=DEFAULTS.state) == task


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"text"', "[" * 100_000, '{"a":' * 100_000])
def test_a_document_that_is_not_an_object_is_corrupt(text: str) -> None:
    found = read_state_document("task-7-state", task="7", data={"state.json": text}, key="state.json")
    assert (found.corrupt, found.flag, found.quarantined) == (True, False, False)


# Properties.

TASKS = st.sampled_from(["1", "2", "3", "4"])
WHEN = st.integers(min_value=-100, max_value=5000).map(ago)
RECORDS = st.builds(
    lambda task, at, phase, labels: record(
        push(task, at=at), phase=phase, labels=labels, left_to="c" * 40 if labels is LabelOutcome.HEAD_MOVED else ""
    ),
    TASKS,
    WHEN,
    st.sampled_from(Phase),
    st.sampled_from(LabelOutcome),
)
STORED_RECORDS = st.builds(
    lambda made, holder, renewed_at, tries, escalated: task_state(
        made.push.task, record=made, holder=holder, renewed_at=renewed_at, attempts=tries, escalated=escalated
    ),
    RECORDS,
    st.sampled_from(["", HOLDER, "workflow/gone/gone", "someone//"]),
    WHEN,
    st.builds(RepairAttempts, count=st.integers(0, 6), last_at=st.none() | WHEN),
    st.booleans(),
)
RUNS = st.builds(
    run,
    TASKS,
    created_at=WHEN,
    agent=st.sampled_from([TESS, REX, "unheard-of", ""]),
    phase=st.sampled_from(["", "Running", "Succeeded"]),
    sha=st.sampled_from(["", "a" * 40, "n" * 40]),
    deleting=st.booleans(),
    repository=st.sampled_from([OWN, "O/R", "o/other"]),
)
SNAPSHOTS = st.builds(
    ClusterSnapshot,
    now=st.just(NOW),
    task_states=st.lists(STORED_RECORDS, max_size=4, unique_by=lambda each: each.task).map(tuple),
    busy=st.frozensets(st.tuples(TASKS, st.sampled_from(["", repository_label(OWN), "o.other"])), max_size=2),
    repairs=st.integers(0, 12),
    pods=st.sampled_from([frozenset(), frozenset({POD})]),
    runs=st.lists(RUNS, max_size=5).map(tuple),
    documents=st.lists(
        st.builds(
            document, TASKS, flag=st.booleans(), corrupt=st.booleans(), quarantined=st.booleans(), updated_at=WHEN
        ),
        max_size=3,
        unique_by=lambda each: each.task,
    ).map(tuple),
    pushes=st.lists(
        st.builds(push, TASKS, sha=st.just("n"), at=WHEN), max_size=3, unique_by=lambda each: each.task
    ).map(tuple),
)


@given(SNAPSHOTS)
def test_a_healthy_cluster_has_no_findings(snapshot: ClusterSnapshot) -> None:
    well = tuple(
        replace(each, holder="", renewed_at=ago(10), record=record(push(each.task, at=ago(6000))))
        for each in snapshot.task_states
    )
    quiet = tuple(replace(each, flag=False, corrupt=False) for each in snapshot.documents)
    assert find_problems(replace(snapshot, task_states=well, documents=quiet, pushes=()), settings=DEFAULTS) == ()


@given(SNAPSHOTS)
def test_a_second_search_in_another_order_finds_the_same(snapshot: ClusterSnapshot) -> None:
    found = find_problems(snapshot, settings=DEFAULTS)
    shuffled = random.Random(1)  # noqa: S311 - no secret
    other = replace(
        snapshot,
        task_states=tuple(shuffled.sample(snapshot.task_states, len(snapshot.task_states))),
        documents=tuple(shuffled.sample(snapshot.documents, len(snapshot.documents))),
        pushes=tuple(shuffled.sample(snapshot.pushes, len(snapshot.pushes))),
    )
    assert find_problems(snapshot, settings=DEFAULTS) == found == find_problems(other, settings=DEFAULTS)


@given(SNAPSHOTS)
def test_runs_that_are_exempt_newer_or_on_the_head_are_never_a_finding(snapshot: ClusterSnapshot) -> None:
    newest = max((each.record.watermark for each in snapshot.task_states if each.record), default=NOW)
    newest = max([newest, *(each.pushed_at for each in snapshot.pushes)])
    harmless = tuple(
        (task, each)
        for task, each in snapshot.runs
        if each.facts.agent == REX or each.facts.created_at > newest or each.facts.sha == "n" * 40
    )
    without = replace(snapshot, runs=())
    with_others = replace(snapshot, runs=tuple(each for each in harmless if each[1].facts.sha != "n" * 40))
    assert find_problems(with_others, settings=DEFAULTS) == find_problems(without, settings=DEFAULTS)
    assert not [
        each
        for each in find_problems(replace(snapshot, runs=harmless), settings=DEFAULTS)
        if each.kind is FindingKind.LOST_PUSH
    ]


@given(SNAPSHOTS)
def test_an_active_task_is_never_repaired_and_no_task_twice(snapshot: ClusterSnapshot) -> None:
    submitted = [each for each in find_problems(snapshot, settings=DEFAULTS) if push_of(each)]
    for finding in submitted:
        assert (finding.task, "") not in snapshot.busy
        assert (finding.task, repository_label(finding.repository)) not in snapshot.busy
        if finding.task_state and finding.task_state.holder == HOLDER and POD in snapshot.pods:
            assert TaskIndex.from_snapshot(snapshot, settings=DEFAULTS).is_silent(
                finding.task_state, RULES.stuck_after_s
            )
        assert (
            finding.task_state is None
            or not finding.task_state.record
            or finding.task_state.record.labels is not LabelOutcome.SKIPPED
            or (finding.kind is FindingKind.LOST_PUSH or not finding.task_state.record.finished)
        )
    assert len({(each.repository.casefold(), each.task) for each in submitted}) == len(submitted)


@given(SNAPSHOTS)
def test_limits_are_kept(snapshot: ClusterSnapshot) -> None:
    findings = find_problems(snapshot, settings=DEFAULTS)
    repairs = plan_repairs(findings, snapshot=snapshot, settings=RULES)
    assert [repair.finding for repair in repairs] == list(findings)
    started = [each for each in repairs if each.action in (RepairAction.SUBMIT, RepairAction.REOPEN)]
    assert len(started) <= max(0, RULES.in_flight - snapshot.repairs)
    for repair in repairs:
        known = repair.finding.task_state
        if known and not document_of(repair.finding) and (known.escalated or known.attempts.count >= RULES.tries):
            assert repair.action in (RepairAction.REPORT, RepairAction.ESCALATE, RepairAction.WAIT)
    assert not {each.task for each in healthy_tasks(snapshot, findings)} & {
        each.task for each in findings if push_of(each)
    }


@given(SNAPSHOTS)
def test_after_all_repairs_only_findings_for_a_person_are_left(
    snapshot: ClusterSnapshot,
) -> None:
    """This models a Workflow: it finishes the record for its push and stops the stale runs."""
    fresh = tuple(replace(each, attempts=RepairAttempts(), escalated=False) for each in snapshot.task_states)
    snapshot = replace(snapshot, task_states=fresh, repairs=0, busy=frozenset(), pods=frozenset())
    # Two passes: a task with an orphaned lock is judged fully after the Lease is released.
    for _ in range(2):
        findings = find_problems(snapshot, settings=DEFAULTS)
        for repair in plan_repairs(findings, snapshot=snapshot, settings=replace(RULES, in_flight=100)):
            snapshot = repaired(snapshot, repair.finding.task, of=push_of(repair.finding), action=repair.action)
    left = {finding.kind for finding in find_problems(snapshot, settings=DEFAULTS)}
    assert left <= {FindingKind.WRONG_CLOCK, FindingKind.CORRUPT_STATE}


def repaired(snapshot: ClusterSnapshot, task: str, *, of: Push | None, action: RepairAction) -> ClusterSnapshot:
    def lease(each: TaskState) -> TaskState:
        if each.task != task or each.record is None:
            return each
        if of:
            last = max(of.pushed_at, each.record.push.pushed_at)
            made = record(replace(of, pushed_at=last), watermark=max(last, each.record.watermark))
            return replace(each, record=made, holder="")
        return replace(each, holder="") if action is RepairAction.FREE else each

    touched = of is not None or action is RepairAction.CLEAR
    documents = tuple(
        replace(each, flag=False) if each.task == task and touched else each for each in snapshot.documents
    )
    task_states = tuple(map(lease, snapshot.task_states))
    if of and task not in {each.task for each in task_states}:
        task_states = (*task_states, task_state(task, record=record(of)))
    owned = {each.task: each.record for each in task_states}
    runs = tuple(
        (number, each)
        for number, each in snapshot.runs
        if not (of and number == task and (made := owned[task]) and each.facts.created_at <= made.watermark)
    )
    return replace(snapshot, task_states=task_states, documents=documents, runs=runs)


@given(SNAPSHOTS)
def test_no_lease_is_collected_if_another_object_refers_to_its_task(snapshot: ClusterSnapshot) -> None:
    settings = replace(DEFAULTS, reconcile=replace(RULES, keep_idle_days=1))
    later = replace(snapshot, now=NOW + timedelta(days=2))
    findings = find_problems(later, settings=settings)
    for each in idle_leases(TaskIndex.from_snapshot(later, settings=settings), findings):
        assert each.record
        assert each.record.finished
        assert not each.holder
        assert not each.escalated
        assert each.task not in {task for task, _ in snapshot.runs} | {task for task, _ in snapshot.busy}
    assert not [*idle_leases(TaskIndex.from_snapshot(replace(later, runs_known=False), settings=settings), findings)]

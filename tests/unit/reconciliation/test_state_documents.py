"""Which state documents are findings, and how a document is read."""

from __future__ import annotations

from typing import Any

import pytest

from steps.cancellation.state_document import read_state_document, state_document_task
from steps.observed_state.task_state import TaskState
from steps.reconciliation.detection import find_problems
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.snapshot import ClusterSnapshot
from tests.support.factories import NOW, ago, document, run, task_state
from tests.support.harness import DEFAULTS
from tests.unit.reconciliation.findings import FAILED, IN_PROGRESS, kinds


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

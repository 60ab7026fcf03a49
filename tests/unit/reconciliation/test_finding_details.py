"""What a finding says: its detail, its push and its advice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.domain.push import Push, Sha
from steps.domain.record import LabelOutcome
from steps.reconciliation.detection import find_problems
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.snapshot import ClusterSnapshot
from tests.support.factories import DONE, NOW, OWN, ago, document, document_of, push, push_of, run, task_state
from tests.support.harness import DEFAULTS
from tests.unit.reconciliation.findings import FAILED, HOLDER, IN_PROGRESS

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

"""The end state that every task must have once its pushes were processed, also after failures.

Guarantees: all that the design promises of the end is checked: agents, labels, lock, state and record.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tests.e2e.support.stage import Stage, sha


def settled(stage: Stage, *, number: int = 1, left: Collection[str] = ()) -> dict[str, Any]:
    """Check that a task is as its nth push, the last, has to leave it; its record.

    Args:
        stage: The task.
        number: Which push was the last.
        left: Names of the runs that have to be left.
    """
    assert stage.runs() == set(left)
    assert stage.labels() == {"remediation-in-progress"}
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    state = stage.state()
    assert (state["unknown"], state.get("cancellation_in_progress", False)) == ({"kept": True}, False)
    record = stage.record()
    assert (record["phase"], record["labels"]) == ("completed", "moved")
    assert record["push"]["sha"] == sha(stage.task, number)
    return record

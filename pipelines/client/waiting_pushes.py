"""The pushes of each task that wait for its lock, and those that were superseded meanwhile. Pure.

Guarantees that two repositories with a task of one id are counted apart: the key is the name of the task's Lease. The
repository is the Workflow's parameter, because the Sensor sets no label for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.cancellation import SUPERSEDED_BY, WORKFLOW_PHASE_LABEL, workflow_parameters
from steps.core import TASK, parse_time
from steps.domain import Repository, TaskId
from steps.lease import lease_name

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from steps.kube import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingPushes:
    """The waiting pushes of one task.

    Attributes:
        lease: Name of the task's Lease, which may not exist yet.
        repository: As in the first Workflow; empty if the Workflow names none.
        created: The creation times of their Workflows, in the order of the list.
    """

    lease: str
    repository: str
    task: str
    created: tuple[datetime, ...]


def find_waiting(workflows: Collection[Json]) -> dict[str, WaitingPushes]:
    """Find the pushes that wait, by the name of their task's Lease."""
    found: dict[str, WaitingPushes] = {}
    for workflow in workflows:
        labels = _labels(workflow)
        if not labels.get(TASK) or SUPERSEDED_BY in labels or labels.get(WORKFLOW_PHASE_LABEL, "Pending") != "Pending":
            continue
        lease, since = _lease(workflow), parse_time(workflow["metadata"]["creationTimestamp"])
        before = found.get(lease)
        found[lease] = WaitingPushes(
            lease=lease,
            repository=before.repository if before else _repository(workflow),
            task=labels[TASK],
            created=(*(before.created if before else ()), since),
        )
    return found


def count_superseded(workflows: Collection[Json]) -> Counter[str]:
    """Count the Workflows that were superseded while they waited, by the name of their task's Lease."""
    return Counter(_lease(each) for each in workflows if SUPERSEDED_BY in _labels(each))


def _labels(workflow: Json) -> dict[str, str]:
    return workflow["metadata"].get("labels") or {}


def _lease(workflow: Json) -> str:
    task = TaskId(_labels(workflow).get(TASK, ""))
    return lease_name(repository=Repository(_repository(workflow)), task=task)


def _repository(workflow: Json) -> str:
    return workflow_parameters(workflow).get("repository", "")

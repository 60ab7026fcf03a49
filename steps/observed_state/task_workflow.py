"""A Workflow of a task that has not ended, as plain values for reconcile. It is read from its metadata alone.

Guarantees that any Workflow can be read, also one with odd metadata: a Workflow that is left out would make its task
look idle. Not known: whether a pod of it is at work. The task's Lease shows that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.cancellation import WORKFLOW_PHASE_LABEL
from steps.core import REPOSITORY, TASK, parse_optional_time

if TYPE_CHECKING:
    from steps.kube import Json

# A Workflow that Argo has not seen yet has no phase.
_UNSEEN, _PENDING = "", "Pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWorkflow:
    """A Workflow that has not ended.

    Attributes:
        repository_label: Its repository as in the label; empty if it has none. The Sensor sets none.
        created_at: Its creationTimestamp; None if it cannot be read.
        phase: Argo's phase; empty if Argo has not seen the Workflow.
    """

    name: str
    task: str
    repository_label: str
    created_at: datetime | None
    phase: str

    @property
    def problem(self) -> str:
        """What is wrong if nobody works for it."""
        if self.phase == _UNSEEN:
            return f"Argo has not seen Workflow {self.name}"
        if self.phase == _PENDING:
            return f"Workflow {self.name} waits, and nobody works on the task"
        return f"Workflow {self.name} has begun, but no pod works for it"

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        if self.phase == _UNSEEN:
            return "check that Argo's controller runs and manages this namespace"
        if self.phase == _PENDING:
            return (
                "see its message: a lock that nobody holds, or the controller's parallelism; terminate the Workflow "
                "that blocks it, or restart Argo's controller"
            )
        return "look at its pods: no place on a node, an image that cannot be pulled, a quota, or a full semaphore"


def read_task_workflow(metadata: Json) -> TaskWorkflow:
    """Read the metadata of a Workflow."""
    labels = metadata.get("labels") or {}
    return TaskWorkflow(
        name=str(metadata.get("name", "")),
        task=str(labels.get(TASK, "")),
        repository_label=str(labels.get(REPOSITORY, "")),
        created_at=parse_optional_time(metadata.get("creationTimestamp")),
        phase=str(labels.get(WORKFLOW_PHASE_LABEL, "")),
    )

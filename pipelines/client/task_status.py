"""The status of each task, from the Leases' records and the waiting Workflows. Pure, but for `read_task_statuses`.

The states are those of the platform: pending, in progress, completed, failed. Two more are for people: interrupted (in
progress, but without a holder of the Lease; reconcile or the next push resumes it) and unreadable.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pipelines.client.waiting_pushes import count_superseded, find_waiting
from pipelines.client.wording import label_note
from steps.cancellation import SUPERSEDED_BY, WORKFLOW_COMPLETED_LABEL
from steps.core import PREFIX, TASK
from steps.domain import Phase, RunOutcome
from steps.kube import LEASES, WORKFLOWS
from steps.observed_state import read_task_state

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from pipelines.client.waiting_pushes import WaitingPushes
    from pipelines.settings import Settings
    from steps.domain import Record
    from steps.kube import Json, Kube
    from steps.observed_state import TaskState

_STOPPED = (RunOutcome.GONE, RunOutcome.FINISHED)


class TaskPhase(StrEnum):
    """State of a task's cancellation."""

    PENDING = "pending"
    IN_PROGRESS = "in progress"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    FAILED = "failed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """Status of one task.

    Attributes:
        since: When the state began, or the last known time before it.
        waiting: Number of the task's Workflows that wait for its lock.
        waiting_since: Creation time of the oldest of them; None without any.
        superseded: Number of Workflows that were superseded while they waited and are still kept.
        note: One line for a person: a problem, or what to do.
    """

    repository: str
    task: str
    state: TaskPhase
    sha: str = ""
    requested_by: str = ""
    attempts: int = 0
    stopped: int = 0
    kept: int = 0
    unproven: int = 0
    labels: str = ""
    errors: tuple[str, ...] = ()
    since: datetime | None = None
    waiting: int = 0
    waiting_since: datetime | None = None
    superseded: int = 0
    workflow: str = ""
    note: str = ""
    record: Record | None = field(default=None, repr=False)


def task_statuses(task_states: Collection[TaskState], workflows: Collection[Json]) -> Iterator[TaskStatus]:
    """List every task that has a Lease or a waiting Workflow, the newest first.

    Args:
        task_states: The tasks' Leases.
        workflows: The tasks' Workflows that have not ended, and those that were superseded.
    """
    waiting, superseded = find_waiting(workflows), count_superseded(workflows)
    found = [
        replace(_status(each), **_waiters(waiting.get(each.name)), superseded=superseded[each.name])
        for each in task_states
    ]
    known = {task_state.name for task_state in task_states}
    for lease, pushes in waiting.items():
        if lease not in known:
            first = TaskStatus(
                repository=pushes.repository,
                task=pushes.task,
                state=TaskPhase.PENDING,
                since=pushes.created[0],
                superseded=superseded[lease],
            )
            found.append(replace(first, **_waiters(pushes)))
    yield from sorted(found, key=lambda each: -(each.since.timestamp() if each.since else 0))


def _waiters(pushes: WaitingPushes | None) -> dict[str, Any]:
    """Return the fields about a task's waiting Workflows."""
    created = pushes.created if pushes else ()
    return {"waiting": len(created), "waiting_since": min(created, default=None)}


def _status(task_state: TaskState) -> TaskStatus:
    record = task_state.record
    if record is None:
        return TaskStatus(
            repository="",
            task=task_state.task,
            state=TaskPhase.UNREADABLE,
            since=task_state.renewed_at,
            note=task_state.problem,
        )
    outcomes = [agent.outcome for agent in record.agents]
    return TaskStatus(
        repository=record.push.repository,
        task=task_state.task,
        state=_state(record, task_state=task_state),
        sha=record.push.sha,
        requested_by=record.push.requested_by,
        attempts=record.attempts,
        stopped=sum(outcome in _STOPPED for outcome in outcomes),
        kept=outcomes.count(RunOutcome.KEPT),
        unproven=sum(agent.unproven for agent in record.agents),
        labels=str(record.labels),
        errors=record.errors,
        since=record.finished_at or record.started_at,
        workflow=record.workflow,
        note=_note(record, task_state=task_state),
        record=record,
    )


def _state(record: Record, *, task_state: TaskState) -> TaskPhase:
    match record.phase:
        case Phase.COMPLETED:
            return TaskPhase.COMPLETED
        case Phase.FAILED:
            return TaskPhase.FAILED
        case Phase.IN_PROGRESS:
            return TaskPhase.IN_PROGRESS if task_state.holder else TaskPhase.INTERRUPTED


def _note(record: Record, *, task_state: TaskState) -> str:
    if task_state.escalated:
        return "needs attention: fix the task, then remove the label agent-cancellation/needs-attention from its Lease"
    if record.phase is Phase.FAILED:
        return record.errors[-1] if record.errors else ""
    return label_note(record)


def read_task_statuses(settings: Settings, *, kube: Kube, task: str = "") -> list[TaskStatus]:
    """Read the status of every task, or of one.

    Raises:
        StepError: The API server refuses or does not answer.
    """
    home, only = settings.namespaces.workflows, f",{TASK}={task}" if task else ""
    task_states = kube.list(LEASES, namespace=home, labels=f"app.kubernetes.io/managed-by={PREFIX}{only}")
    # Whole Workflows, because only their parameters name the repository; so those that have ended are left out.
    workflows = {
        each["metadata"]["uid"]: each
        for which in (f"{WORKFLOW_COMPLETED_LABEL}!=true", SUPERSEDED_BY)
        for each in kube.list(WORKFLOWS, namespace=home, labels=f"{TASK}{f'={task}' if task else ''},{which}")
    }
    return list(task_statuses([read_task_state(body) for body in task_states], workflows.values()))


def task_status_json(status: TaskStatus) -> dict[str, Any]:
    """Turn a status into JSON values."""
    values = asdict(status)
    del values["record"]
    times = {"since": status.since, "waiting_since": status.waiting_since}
    return values | {name: at.isoformat() if at else None for name, at in times.items()}

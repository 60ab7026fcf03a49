"""The status of each task, from the Leases' records and the waiting Workflows. Pure.

The states are those of the platform: pending, in progress, completed, failed. Three more are for people: interrupted
(in progress, but the Lease is free or was not renewed for twice its duration; reconcile or the next push resumes it),
no push (a Lease without a record) and unreadable.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pipelines.client.waiting_pushes import count_superseded, find_waiting
from pipelines.client.wording import label_note
from steps.domain import Phase, RunOutcome
from steps.observed_state import ATTENTION_LABEL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pipelines.client.waiting_pushes import WaitingPushes
    from steps.domain import Record
    from steps.kube import Json
    from steps.observed_state import TaskState

# A Lease that was not renewed for this many times its duration has no holder at work.
_LAPSED = 2
_STOPPED = (RunOutcome.GONE, RunOutcome.FINISHED)


class TaskPhase(StrEnum):
    """State of a task's cancellation."""

    PENDING = "pending"
    IN_PROGRESS = "in progress"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    FAILED = "failed"
    NO_PUSH = "no push"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskStatus:
    """Status of one task.

    Attributes:
        since: When the state began, or the last known time before it.
        waiting: Number of the task's Workflows that wait for its lock.
        waiting_since: Creation time of the oldest of them; None without any.
        superseded: Number of Workflows that were superseded while they waited and are still kept.
        escalated: Whether reconcile has left the task to a person.
        note: One line for a person: a problem, or what to do.
        lease: Name of the task's Lease, which a pending task may not have yet.
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
    escalated: bool = False
    note: str = ""
    lease: str = ""
    record: Record | None = field(default=None, repr=False)


def task_statuses(
    task_states: Collection[TaskState], workflows: Collection[Json], *, now: datetime, duration_s: float
) -> Iterator[TaskStatus]:
    """List every task that has a Lease or a waiting Workflow, the newest first.

    Args:
        task_states: The tasks' Leases.
        workflows: The tasks' Workflows that have not ended, and those that were superseded.
        now: The current time.
        duration_s: Duration of a Lease, from the settings.
    """
    renewed_after = now - timedelta(seconds=_LAPSED * duration_s)
    waiting, superseded = find_waiting(workflows), count_superseded(workflows)
    found = [
        _with_waiting(_status(each, renewed_after=renewed_after), waiting.get(each.name), superseded[each.name])
        for each in task_states
    ]
    known = {task_state.name for task_state in task_states}
    for lease, pushes in waiting.items():
        if lease not in known:
            first = TaskStatus(
                repository=pushes.repository,
                lease=lease,
                task=pushes.task,
                state=TaskPhase.PENDING,
                since=min(pushes.created),
            )
            found.append(_with_waiting(first, pushes, superseded[lease]))
    yield from sorted(found, key=lambda each: -(each.since.timestamp() if each.since else 0))


def _with_waiting(status: TaskStatus, pushes: WaitingPushes | None, superseded: int) -> TaskStatus:
    """Add the task's waiting Workflows. A task without any recorded push is pending if one waits."""
    created = pushes.created if pushes else ()
    return replace(
        status,
        state=TaskPhase.PENDING if created and status.state is TaskPhase.NO_PUSH else status.state,
        waiting=len(created),
        waiting_since=min(created, default=None),
        superseded=superseded,
    )


def _status(task_state: TaskState, *, renewed_after: datetime) -> TaskStatus:
    record = task_state.record
    if record is None:
        return TaskStatus(
            repository=task_state.labelled_repository,
            task=task_state.task,
            state=TaskPhase.UNREADABLE if task_state.problem else TaskPhase.NO_PUSH,
            since=task_state.renewed_at,
            escalated=task_state.escalated,
            note=_note(None, task_state=task_state),
            lease=task_state.name,
        )
    outcomes = [agent.outcome for agent in record.agents]
    return TaskStatus(
        repository=record.push.repository,
        task=task_state.task,
        state=_state(record, task_state=task_state, renewed_after=renewed_after),
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
        escalated=task_state.escalated,
        note=_note(record, task_state=task_state),
        lease=task_state.name,
        record=record,
    )


def _state(record: Record, *, task_state: TaskState, renewed_after: datetime) -> TaskPhase:
    match record.phase:
        case Phase.COMPLETED:
            return TaskPhase.COMPLETED
        case Phase.FAILED:
            return TaskPhase.FAILED
        case Phase.IN_PROGRESS:
            # A holder that died leaves its name in the Lease.
            lapsed = task_state.renewed_at is not None and task_state.renewed_at < renewed_after
            return TaskPhase.INTERRUPTED if lapsed or not task_state.holder else TaskPhase.IN_PROGRESS


def _note(record: Record | None, *, task_state: TaskState) -> str:
    if task_state.escalated:
        what = task_state.problem or "fix the task"
        return f"needs attention: {what}, then remove the label {ATTENTION_LABEL} from its Lease"
    if record is None:
        return task_state.problem
    if record.phase is Phase.FAILED:
        return record.errors[-1] if record.errors else ""
    return label_note(record)


def task_status_json(status: TaskStatus) -> dict[str, Any]:
    """Turn a status into JSON values."""
    values = asdict(status)
    del values["record"]
    times = {"since": status.since, "waiting_since": status.waiting_since}
    return values | {name: at.isoformat() if at else None for name, at in times.items()}

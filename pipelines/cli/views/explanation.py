"""A task's cancellation in sentences: the push, each agent, the labels, and the next step. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.client import TaskPhase, age, counted, describe_labels, describe_run
from steps.domain import shown_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pipelines.client import TaskStatus
    from steps.domain import Record

NEXT_STEP = {
    TaskPhase.PENDING: "It waits for the task's lock.",
    TaskPhase.IN_PROGRESS: "It runs now.",
    TaskPhase.INTERRUPTED: "Nobody works on it now: reconcile or the next push resumes it.",
    TaskPhase.COMPLETED: "Nothing is left to do.",
    TaskPhase.FAILED: "Reconcile tries again. To try now, retry its Workflow in Argo's UI.",
    TaskPhase.NO_PUSH: "The next push of the task starts it.",
    TaskPhase.UNREADABLE: "It needs attention: a person must correct the record.",
}
# The same, if no pass of reconcile is scheduled.
_WITHOUT_RECONCILE = {
    TaskPhase.INTERRUPTED: "Nobody works on it now: the next push or `agent-cancellation reconcile` resumes it.",
    TaskPhase.FAILED: (
        "Reconcile is off (reconcile.every_s = 0). To try again, retry its Workflow in Argo's UI, "
        "or run `agent-cancellation reconcile`."
    ),
}
_ESCALATED = "A person must act: reconcile does not repair the task until its label needs-attention is removed."
# What is true of an escalated task as well.
_AT_WORK = (TaskPhase.PENDING, TaskPhase.IN_PROGRESS)


def explain_task(status: TaskStatus, *, now: datetime, reconciles: bool) -> Iterator[str]:
    """Explain one task's cancellation, one sentence at a time.

    Args:
        status: The status of the task.
        now: The current time.
        reconciles: Whether passes of reconcile are scheduled (`reconcile.every_s`).
    """
    record = status.record
    if record is None:
        if status.note:
            yield f"{status.note[:1].upper()}{status.note[1:]}."
        if status.state is not TaskPhase.UNREADABLE:
            yield "No push of this task has been recorded."
        yield from _queue(status) if status.state is not TaskPhase.PENDING else ()
        yield _next_step(status, reconciles=reconciles)
        return
    push = record.push
    yield (
        f"{push.title[:1].upper()}{push.title[1:]} of {push.repository} by {push.requested_by}, "
        f"{age(push.pushed_at, now=now)} ago: {status.state} "
        f"(attempt {record.attempts}, Workflow {record.workflow})."
    )
    yield (
        f"Watermark: agents that started at or before {record.watermark.isoformat()} "
        f"({age(record.watermark, now=now)} ago) work on older code."
    )
    yield from _agents(record, now=now)
    pull = f"Pull request #{record.pull_request.number}: " if record.pull_request else "Pull request: "
    yield f"{pull}{describe_labels(record)}."
    yield from (f"Error: {error}" for error in record.errors)
    yield from _queue(status)
    if status.note and status.note not in (*record.errors, describe_labels(record)):
        yield f"Note: {status.note}"
    yield _next_step(status, reconciles=reconciles)


def _next_step(status: TaskStatus, *, reconciles: bool) -> str:
    """Say what comes next. Only a person may end an escalation."""
    step = NEXT_STEP[status.state]
    if status.escalated:
        return f"{step} {_ESCALATED}" if status.state in _AT_WORK else _ESCALATED
    return step if reconciles else _WITHOUT_RECONCILE.get(status.state, step)


def _agents(record: Record, *, now: datetime) -> Iterator[str]:
    if not record.agents:
        listed = record.proven_gone_at is not None
        yield "There were no such agents." if listed else "Agents were not listed yet, or nothing was to be stopped."
    names = shown_names(record.agents)
    for agent in sorted(record.agents, key=lambda each: each.created_at):
        yield f"  - {describe_run(agent, name=names[agent.uid], now=now)}"


def _queue(status: TaskStatus) -> Iterator[str]:
    if status.waiting:
        wait = "waits" if status.waiting == 1 else "wait"
        yield f"{counted(status.waiting, 'more Workflow')} of the task {wait} for its lock."
    if status.superseded:
        yield (
            "1 Workflow was superseded and ended while it waited."
            if status.superseded == 1
            else f"{status.superseded} Workflows were superseded and ended while they waited."
        )

"""A push and a task, as the model follows them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True, eq=False)
class Push:
    """One push with its Workflow. Times are seconds since the first webhook; None has not happened yet.

    Attributes:
        pod_at: When its pod was created.
        begun: Its pod runs the step.
        helped: Another pod processed it.
        terminating: When its task's stale agent got its DELETE.
        settled: When its labels had moved.
        ended: When its Workflow had ended.
    """

    number: int
    task: Task
    arrived: float
    created: float | None = None
    pod_at: float | None = None
    begun: bool = False
    helped: bool = False
    terminating: float | None = None
    gone: float | None = None
    settled: float | None = None
    ended: float | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """A task: its locks, and its pushes that are not settled.

    Attributes:
        holder: The Workflow that has the mutex.
        queue: Workflows that wait for it.
        lease_held: A pod works on the task.
        unsettled: Its pushes whose Workflow exists, oldest first.
    """

    holder: Push | None = None
    queue: list[Push] = field(default_factory=list)
    lease_held: bool = False
    unsettled: list[Push] = field(default_factory=list)

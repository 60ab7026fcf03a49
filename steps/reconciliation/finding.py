"""The findings of reconcile: one type of plain values for each way to repair them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from steps.cancellation import StateDocument
    from steps.domain import Push, Record
    from steps.observed_state import TaskState, TaskWorkflow


class FindingKind(StrEnum):
    """The kinds of findings, gravest first. A Workflow repairs the kinds before NOT_STARTED."""

    LOST_PUSH = "lost-push"
    STUCK = "stuck"
    FAILED = "failed"
    LIVE_STALE = "live-stale-run"
    HALF_MOVED = "half-moved-labels"
    NOT_STARTED = "workflow-not-started"
    ORPHANED_LOCK = "orphaned-lock"
    STRAY_FLAG = "stray-flag"
    CORRUPT_STATE = "corrupt-state"
    UNREADABLE_RECORD = "unreadable-record"
    WRONG_CLOCK = "wrong-clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPush:
    """GitHub knows a push that has no Workflow, and agents still work on older code.

    Attributes:
        task_state: The task's Lease; None if the task never had one.
    """

    kind: ClassVar = FindingKind.LOST_PUSH
    advice: ClassVar = ""

    push: Push
    task_state: TaskState | None
    detail: str

    @property
    def task(self) -> str:
        """Id of the task."""
        return self.push.task

    @property
    def repository(self) -> str:
        """Repository of the push."""
        return self.push.repository


@dataclass(frozen=True, slots=True, kw_only=True)
class _LeaseFinding:
    """A problem of a task that has a Lease. `detail` describes it."""

    task_state: TaskState
    detail: str

    @property
    def task(self) -> str:
        """Id of the task."""
        return self.task_state.task

    @property
    def repository(self) -> str:
        """Repository of the task; empty if its record cannot be read."""
        return self.task_state.repository


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedPush(_LeaseFinding):
    """A cancellation that is stuck, that failed, or whose labels did not move.

    Attributes:
        push: The push to submit a Workflow for.
    """

    advice: ClassVar = ""

    kind: FindingKind
    push: Push


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStaleRuns(_LeaseFinding):
    """The record is completed, but stale runs are active."""

    kind: ClassVar = FindingKind.LIVE_STALE
    advice: ClassVar = ""

    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanedLock(_LeaseFinding):
    """A finished task whose Lease has a holder that no longer exists."""

    kind: ClassVar = FindingKind.ORPHANED_LOCK
    advice: ClassVar = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRecord(_LeaseFinding):
    """A record that cannot be read. A person has to correct it."""

    kind: ClassVar = FindingKind.UNREADABLE_RECORD

    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongClock(_LeaseFinding):
    """A holder whose clock is ahead of the API server's."""

    kind: ClassVar = FindingKind.WRONG_CLOCK
    advice: ClassVar = "correct the clock of the node that ran the task's last pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class _DocumentFinding:
    """A problem of a task's state document.

    Attributes:
        task_state: The task's Lease; None if it has none. If several repositories have a task of that id, the newest.
        detail: Description of the problem.
    """

    document: StateDocument
    task_state: TaskState | None
    detail: str

    @property
    def task(self) -> str:
        """Id of the task."""
        return self.document.task

    @property
    def repository(self) -> str:
        """Repository of the task; empty without a Lease."""
        return self.task_state.repository if self.task_state else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayFlag(_DocumentFinding):
    """The document says that a cancellation is in progress, but none is."""

    kind: ClassVar = FindingKind.STRAY_FLAG
    advice: ClassVar = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptState(_DocumentFinding):
    """The document is not a JSON object."""

    kind: ClassVar = FindingKind.CORRUPT_STATE
    advice: ClassVar = "correct it by hand; its quarantine key has a copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnstartedWorkflow:
    """A Workflow that nobody works for. Another one would wait like it, so only a person can correct it.

    Attributes:
        task_state: The task's Lease; None if it has none, or if the Workflow does not say which of several it is.
        detail: Description of the problem.
    """

    kind: ClassVar = FindingKind.NOT_STARTED

    workflow: TaskWorkflow
    task_state: TaskState | None
    detail: str

    @property
    def task(self) -> str:
        """Id of the task."""
        return self.workflow.task

    @property
    def repository(self) -> str:
        """Repository of the task; empty without a Lease."""
        return self.task_state.repository if self.task_state else ""

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        return self.workflow.advice


PushFinding = LostPush | UnfinishedPush | LiveStaleRuns
DocumentFinding = StrayFlag | CorruptState
Finding = PushFinding | UnstartedWorkflow | OrphanedLock | UnreadableRecord | WrongClock | DocumentFinding

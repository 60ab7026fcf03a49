"""What reconcile can find wrong, one type for each way of repairing it. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from steps.cancellation import StateDocument
    from steps.domain import Push, Record
    from steps.reconciliation.task_state import TaskState


class FindingKind(StrEnum):
    """What is wrong, gravest first. A Workflow repairs those before ORPHANED_LOCK."""

    LOST_PUSH = "lost-push"
    STUCK = "stuck"
    FAILED = "failed"
    LIVE_STALE = "live-stale-run"
    HALF_MOVED = "half-moved-labels"
    ORPHANED_LOCK = "orphaned-lock"
    STRAY_FLAG = "stray-flag"
    CORRUPT_STATE = "corrupt-state"
    UNREADABLE_RECORD = "unreadable-record"
    WRONG_CLOCK = "wrong-clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPush:
    """GitHub knows a push, agents still work on older code, and no Workflow came for it.

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
class _OfLease:
    """Something wrong with a task that has a Lease.

    Attributes:
        detail: What was seen.
    """

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
class UnfinishedPush(_OfLease):
    """A cancellation that is stuck, that failed, or whose labels were left.

    Attributes:
        push: What to submit a Workflow for.
    """

    advice: ClassVar = ""

    kind: FindingKind
    push: Push


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStaleRuns(_OfLease):
    """The record says completed, and stale runs are alive."""

    kind: ClassVar = FindingKind.LIVE_STALE
    advice: ClassVar = ""

    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class OrphanedLock(_OfLease):
    """A finished task whose Lease is held by a holder that is gone."""

    kind: ClassVar = FindingKind.ORPHANED_LOCK
    advice: ClassVar = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRecord(_OfLease):
    """A record that cannot be read: a person has to look."""

    kind: ClassVar = FindingKind.UNREADABLE_RECORD

    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongClock(_OfLease):
    """A holder whose clock is ahead of the API server's."""

    kind: ClassVar = FindingKind.WRONG_CLOCK
    advice: ClassVar = "set the clock of the node that ran the task's last pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfDocument:
    """Something wrong with a task's state document.

    Attributes:
        task_state: The task's Lease, the newest if several repositories have a task of that id; None if there is none.
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
        """Repository of the task, as far as a Lease says."""
        return self.task_state.repository if self.task_state else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrayFlag(_OfDocument):
    """The document says that a cancellation is in progress, and none is."""

    kind: ClassVar = FindingKind.STRAY_FLAG
    advice: ClassVar = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptState(_OfDocument):
    """The document is not a JSON object."""

    kind: ClassVar = FindingKind.CORRUPT_STATE
    advice: ClassVar = "correct it by hand; a copy is in the quarantine key beside it"


PushFinding = LostPush | UnfinishedPush | LiveStaleRuns
DocumentFinding = StrayFlag | CorruptState
Finding = PushFinding | OrphanedLock | UnreadableRecord | WrongClock | DocumentFinding

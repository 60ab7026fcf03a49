"""What to do about findings, within limits: pure.

Guarantees: no more repairs are under way than `in_flight`; a task is tried again only after its pause, and not at all
once it was tried `tries` times or a person has been called. A task that fails because GitHub or the API server is away
is tried for as long as that lasts, with the longest pause. What needs no Workflow is not limited: it costs a few
requests and ends at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.core import BreakerOpenError, RateLimitedError, UnavailableError
from steps.reconciliation.attempts import RepairAttempts
from steps.reconciliation.finding import CorruptState, DocumentFinding, FindingKind, WrongClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steps.reconciliation.finding import Finding
    from steps.reconciliation.snapshot import ClusterSnapshot
    from steps.reconciliation.task_state import TaskState
    from steps.settings import ReconcileSettings


class RepairAction(StrEnum):
    """What to do about a finding."""

    SUBMIT = "submit a Workflow"
    REOPEN = "reopen the record and submit a Workflow"
    FREE = "free the Lease"
    CLEAR = "clear the flag"
    QUARANTINE_DOCUMENT = "copy the document aside"
    ESCALATE = "call a person"
    WAIT = "wait"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRepair:
    """One finding and what to do about it; `reason` says why not more."""

    finding: Finding
    action: RepairAction
    reason: str = ""


_ACTIONS = {
    FindingKind.LOST_PUSH: RepairAction.SUBMIT,
    FindingKind.STUCK: RepairAction.SUBMIT,
    FindingKind.FAILED: RepairAction.SUBMIT,
    # A finished record would supersede its own push: it has to be unfinished first.
    FindingKind.LIVE_STALE: RepairAction.REOPEN,
    # decide_claim lets these two in: GitHub could not be read, and the labels were left to this very push.
    FindingKind.HALF_MOVED: RepairAction.SUBMIT,
    FindingKind.ORPHANED_LOCK: RepairAction.FREE,
    FindingKind.STRAY_FLAG: RepairAction.CLEAR,
    FindingKind.CORRUPT_STATE: RepairAction.QUARANTINE_DOCUMENT,
    FindingKind.UNREADABLE_RECORD: RepairAction.ESCALATE,
    FindingKind.WRONG_CLOCK: RepairAction.REPORT,
}
# What is done to a task's own lock, and therefore counted. A state document is a courtesy to the platform: if it can't
# be written, that is said each time, and never keeps a cancellation from being finished.
_COUNTED = (RepairAction.SUBMIT, RepairAction.REOPEN, RepairAction.FREE, RepairAction.ESCALATE)
# How the errors of a dependency that does not answer begin in a record.
_AWAY = tuple(error.__name__ for error in (UnavailableError, RateLimitedError, BreakerOpenError))


def plan_repairs(
    findings: Iterable[Finding], *, snapshot: ClusterSnapshot, settings: ReconcileSettings
) -> tuple[PlannedRepair, ...]:
    """What to do about each finding, in their order."""
    free = settings.in_flight - snapshot.repairs
    intents = []
    for finding in findings:
        intent = _intent(finding, snapshot=snapshot, settings=settings)
        if intent.action in (RepairAction.SUBMIT, RepairAction.REOPEN):
            if free <= 0:
                intent = PlannedRepair(
                    finding=finding, action=RepairAction.WAIT, reason=f"{settings.in_flight} repairs are under way"
                )
            free -= 1
        intents.append(intent)
    return tuple(intents)


def _intent(finding: Finding, *, snapshot: ClusterSnapshot, settings: ReconcileSettings) -> PlannedRepair:
    task_state, action = finding.task_state, _ACTIONS[finding.kind]
    tries = task_state.tries if task_state else RepairAttempts()
    if isinstance(finding, CorruptState) and finding.document.quarantined:
        return PlannedRepair(finding=finding, action=RepairAction.REPORT, reason="copied aside")
    if isinstance(finding, DocumentFinding | WrongClock):
        return PlannedRepair(finding=finding, action=action)
    if task_state and task_state.escalated:
        return PlannedRepair(finding=finding, action=RepairAction.REPORT, reason="waits for a person")
    if tries.count >= settings.tries and not _is_dependency_away(finding):
        return PlannedRepair(finding=finding, action=RepairAction.ESCALATE, reason=f"tried {tries.count} times")
    if not tries.ready_at(snapshot.now, backoff_s=settings.backoff_s, longest=settings.tries):
        return PlannedRepair(
            finding=finding, action=RepairAction.WAIT, reason=f"tried {tries.count} times, the last a moment ago"
        )
    return PlannedRepair(finding=finding, action=action)


def _is_dependency_away(finding: Finding) -> bool:
    """Whether a task failed for want of something that will come back: nobody could mend it, and nobody has to."""
    record = finding.task_state.record if finding.task_state else None
    last = record.errors[-1] if record and record.errors and finding.kind is FindingKind.FAILED else ""
    return last.partition(":")[0] in _AWAY


def healthy_tasks(snapshot: ClusterSnapshot, findings: Iterable[Finding]) -> Iterator[TaskState]:
    """Tasks that recovered: their attempts and their needs-attention label can go, since nothing is wrong with them."""
    wrong = {finding.task for finding in findings if _ACTIONS[finding.kind] in _COUNTED}
    busy = {task for task, _ in snapshot.busy}
    for task_state in snapshot.task_states:
        if (
            (task_state.tries.count or task_state.escalated)
            and task_state.is_idle
            and task_state.task not in wrong | busy
        ):
            yield task_state

"""Plans a repair for each finding, within limits. Pure functions.

Guarantees that at most `in_flight` repairs run at once, that a task is repaired again only after its pause, and that it
is not repaired after `tries` attempts or after it was escalated. If a task fails, or its labels stay, because GitHub or
the API server is not available, attempts continue with the longest pause for as long as that lasts. Not covered:
repairs without a Workflow are not limited in number. They cost a few requests and end at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.core import BreakerOpenError, RateLimitedError, UnavailableError
from steps.domain import LabelOutcome
from steps.observed_state import RepairAttempts
from steps.reconciliation.finding import (
    CorruptState,
    DocumentFinding,
    FindingKind,
    UnfinishedPush,
    UnstartedWorkflow,
    WrongClock,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steps.observed_state import TaskState
    from steps.reconciliation.finding import Finding
    from steps.reconciliation.snapshot import ClusterSnapshot
    from steps.settings import ReconcileSettings


class RepairAction(StrEnum):
    """The action for a finding."""

    SUBMIT = "submit a Workflow"
    REOPEN = "reopen the record and submit a Workflow"
    FREE = "release the Lease"
    CLEAR = "clear the flag"
    QUARANTINE_DOCUMENT = "copy the document to its quarantine key"
    ESCALATE = "escalate to a person"
    WAIT = "wait"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRepair:
    """A finding and the action for it.

    Attributes:
        reason: Why the action is to wait, report or escalate; otherwise empty.
    """

    finding: Finding
    action: RepairAction
    reason: str = ""


_ACTIONS = {
    FindingKind.LOST_PUSH: RepairAction.SUBMIT,
    FindingKind.STUCK: RepairAction.SUBMIT,
    FindingKind.FAILED: RepairAction.SUBMIT,
    # A finished record would supersede its own push, so it has to be reopened first.
    FindingKind.LIVE_STALE: RepairAction.REOPEN,
    # decide_claim resumes both cases: GitHub could not be read, and the labels were left to this push.
    FindingKind.HALF_MOVED: RepairAction.SUBMIT,
    # Another Workflow would wait like it.
    FindingKind.NOT_STARTED: RepairAction.REPORT,
    FindingKind.ORPHANED_LOCK: RepairAction.FREE,
    FindingKind.STRAY_FLAG: RepairAction.CLEAR,
    FindingKind.CORRUPT_STATE: RepairAction.QUARANTINE_DOCUMENT,
    FindingKind.UNREADABLE_RECORD: RepairAction.ESCALATE,
    FindingKind.WRONG_CLOCK: RepairAction.REPORT,
}
# Actions on the task's Lease are counted. Actions on a state document are not: the document is optional, so a refused
# write is reported each time and must never block a cancellation.
_COUNTED = (RepairAction.SUBMIT, RepairAction.REOPEN, RepairAction.FREE, RepairAction.ESCALATE)
# Names of the recorded errors of a dependency that is not available.
_DEPENDENCY_ERRORS = tuple(error.__name__ for error in (UnavailableError, RateLimitedError, BreakerOpenError))


def plan_repairs(
    findings: Iterable[Finding], *, snapshot: ClusterSnapshot, settings: ReconcileSettings
) -> tuple[PlannedRepair, ...]:
    """Plan an action for each finding, in the same order.

    Args:
        findings: The findings, gravest first.
        snapshot: The snapshot of the pass.
        settings: The limits and pauses.
    """
    free = settings.in_flight - snapshot.repairs
    repairs = []
    for finding in findings:
        repair = _plan_repair(finding, snapshot=snapshot, settings=settings)
        if repair.action in (RepairAction.SUBMIT, RepairAction.REOPEN):
            if free <= 0:
                repair = PlannedRepair(
                    finding=finding, action=RepairAction.WAIT, reason=f"{settings.in_flight} repairs are running"
                )
            free -= 1
        repairs.append(repair)
    return tuple(repairs)


def _plan_repair(finding: Finding, *, snapshot: ClusterSnapshot, settings: ReconcileSettings) -> PlannedRepair:
    task_state, action = finding.task_state, _ACTIONS[finding.kind]
    attempts = task_state.attempts if task_state else RepairAttempts()
    if isinstance(finding, CorruptState) and finding.document.quarantined:
        return PlannedRepair(finding=finding, action=RepairAction.REPORT, reason="already in quarantine")
    if isinstance(finding, DocumentFinding | UnstartedWorkflow | WrongClock):
        return PlannedRepair(finding=finding, action=action)
    if task_state and task_state.escalated:
        return PlannedRepair(finding=finding, action=RepairAction.REPORT, reason="already escalated")
    if attempts.count >= settings.tries and not _failed_by_dependency(finding):
        return PlannedRepair(finding=finding, action=RepairAction.ESCALATE, reason=f"tried {attempts.count} times")
    if not attempts.ready_at(snapshot.now, backoff_s=settings.backoff_s, longest=settings.tries):
        return PlannedRepair(
            finding=finding, action=RepairAction.WAIT, reason=f"tried {attempts.count} times, pause not over"
        )
    return PlannedRepair(finding=finding, action=action)


def _failed_by_dependency(finding: Finding) -> bool:
    """Whether the last attempt failed because a dependency was not available. A person does not have to correct it.

    If the settings do not wait for GitHub, an attempt without it succeeds, and leaves the labels.
    """
    record = finding.task_state.record if finding.task_state else None
    if record is None or not isinstance(finding, UnfinishedPush):
        return False
    if finding.kind is FindingKind.HALF_MOVED:
        done = record.finished_push(finding.push.ref)
        return done is not None and done.labels is LabelOutcome.UNREADABLE
    last = record.errors[-1] if record.errors and finding.kind is FindingKind.FAILED else ""
    return last.partition(":")[0] in _DEPENDENCY_ERRORS


def healthy_tasks(snapshot: ClusterSnapshot, findings: Iterable[Finding]) -> Iterator[TaskState]:
    """Find healthy tasks that still have counted attempts or the needs-attention label.

    That nothing was found does not show that a task is healthy: GitHub may have failed, or its list may no longer go
    back to the push. A cancellation that finished after the last attempt shows it, or that no run from before it lives.

    Args:
        snapshot: The snapshot of the pass.
        findings: The findings of the pass. Their tasks are not healthy.
    """
    # By Lease: a task of another repository may have the same number. A finding without a Lease has no attempts either.
    counted = (finding.task_state for finding in findings if _ACTIONS[finding.kind] in _COUNTED)
    unhealthy = {task_state.name for task_state in counted if task_state}
    for task_state in snapshot.task_states:
        if (
            (task_state.attempts.count or task_state.escalated)
            and task_state.is_idle
            and task_state.name not in unhealthy
            and not snapshot.is_busy(task_state.task, task_state.repository)
            and _has_recovered(task_state, snapshot=snapshot)
        ):
            yield task_state


def _has_recovered(task_state: TaskState, *, snapshot: ClusterSnapshot) -> bool:
    """Whether the snapshot shows that the reason of the last attempt has gone."""
    record, last_at = task_state.record, task_state.attempts.last_at
    if last_at and record and record.finished_at and record.finished_at > last_at:
        return True
    return not snapshot.unread and not any(
        last_at and run.facts.created_at <= last_at
        for task, run in snapshot.runs
        # A Lease without a record names no repository.
        if task == task_state.task
        and (not task_state.repository or run.facts.repository.casefold() in ("", task_state.repository.casefold()))
    )

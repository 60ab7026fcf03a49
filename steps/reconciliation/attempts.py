"""Counts the repair attempts of a task and labels a task that is escalated. Both are stored on the task's Lease.

Guarantees that a count is never lost or overwritten by another client: each change is a compare-and-swap. The count
starts again when the task is healthy and when it is escalated, so a person who removes the label gives the task new
attempts. The total never starts again, so each attempt has a unique name. A task with a lost push may have no Lease
yet. Then a Lease is created for the count.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.core import ConflictError, NotFoundError, format_micro_time, format_time, retry_on_conflict
from steps.kube import LEASES
from steps.lease import lease_labels, lease_name
from steps.observed_state import (
    ATTEMPTS_ANNOTATION,
    ATTENTION_LABEL,
    RepairAttempts,
    TaskState,
    is_escalated,
    read_attempts,
)
from steps.reconciliation.finding import (
    CorruptState,
    LiveStaleRuns,
    LostPush,
    OrphanedLock,
    StrayFlag,
    UnfinishedPush,
    UnreadableRecord,
    UnstartedWorkflow,
    WrongClock,
)
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.domain import Push
    from steps.kube import Json
    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.planning import PlannedRepair


def count_repair(repair: PlannedRepair, *, context: ReconcileContext) -> None:
    """Count an attempt to repair the task. Repairs of a state document do not count.

    Args:
        repair: The finding and its action.
        context: The process.

    Raises:
        StepError: The Lease could not be written.
    """
    finding = repair.finding
    match finding:
        case StrayFlag() | CorruptState() | UnstartedWorkflow():
            return
        case LostPush(push=push, task_state=None):
            name = lease_name(repository=push.repository, task=push.task)
            count_attempt(name, of=push, after=RepairAttempts(), what=finding.kind, context=context)
        case LostPush(push=push, task_state=TaskState() as known) | UnfinishedPush(push=push, task_state=known):
            count_attempt(known.name, of=push, after=known.attempts, what=finding.kind, context=context)
        case LiveStaleRuns(record=record, task_state=known):
            count_attempt(known.name, of=record.push, after=known.attempts, what=finding.kind, context=context)
        case OrphanedLock(task_state=known) | UnreadableRecord(task_state=known) | WrongClock(task_state=known):
            count_attempt(known.name, of=None, after=known.attempts, what=finding.kind, context=context)


def count_attempt(lease: str, *, of: Push | None, after: RepairAttempts, what: str, context: ReconcileContext) -> None:
    """Count one more attempt at the current time. A repeated call counts once, because an answer can be lost.

    Args:
        lease: Name of the task's Lease.
        of: The push of the repair. With a push, a missing Lease is created.
        after: The attempts before this one.
        what: The kind of the finding.
        context: The process.
    """

    def counted(metadata: Json) -> None:
        if read_attempts(metadata).total <= after.total:
            _write(
                metadata, RepairAttempts(count=after.count + 1, total=after.total + 1, last_at=context.now()), what=what
            )
            metadata["labels"] = (lease_labels(of) if of else {}) | (metadata.get("labels") or {})

    reason = WriteReason(cause=WriteCause.TRIES, detail=what)
    if not _change(lease, counted, reason=reason, context=context) and of:
        metadata: Json = {"name": lease, "namespace": context.settings.namespaces.workflows}
        counted(metadata)
        free = {"holderIdentity": "", "leaseTransitions": 0, "renewTime": format_micro_time(context.now())}
        body = {"metadata": metadata, "spec": free}
        try:
            context.clients.kube.create(LEASES, namespace=metadata["namespace"], body=body, reason=reason)
        except ConflictError:
            _change(lease, counted, reason=reason, context=context)


def reset_attempts(lease: str, *, context: ReconcileContext) -> None:
    """Reset the count and remove the needs-attention label, because the task is healthy.

    Args:
        lease: Name of the task's Lease.
        context: The process.
    """

    def recovered(metadata: Json) -> None:
        _reset_count(metadata)
        if is_escalated(metadata):
            del metadata["labels"][ATTENTION_LABEL]

    _change(lease, recovered, reason=WriteReason(cause=WriteCause.TRIES, detail="healthy"), context=context)


def mark_escalated(lease: str, *, context: ReconcileContext) -> None:
    """Label the task's Lease for a person, and reset the count.

    Args:
        lease: Name of the task's Lease.
        context: The process.
    """

    def labelled(metadata: Json) -> None:
        metadata["labels"] = (metadata.get("labels") or {}) | {ATTENTION_LABEL: "true"}
        _reset_count(metadata)

    _change(lease, labelled, reason=WriteReason(cause=WriteCause.ATTENTION), context=context)


def _reset_count(metadata: Json) -> None:
    known = read_attempts(metadata)
    if known.count:
        _write(metadata, replace(known, count=0), what="")


def _write(metadata: Json, attempts: RepairAttempts, *, what: str) -> None:
    at = format_time(attempts.last_at) if attempts.last_at else ""
    text = json.dumps({"count": attempts.count, "total": attempts.total, "at": at, "what": what})
    metadata["annotations"] = (metadata.get("annotations") or {}) | {ATTEMPTS_ANNOTATION: text}


def _change(lease: str, edit: Callable[[Json], object], *, reason: WriteReason, context: ReconcileContext) -> bool:
    """Change the metadata of a Lease. Return False if the Lease does not exist."""
    namespace = context.settings.namespaces.workflows

    def change_once() -> bool:
        try:
            stored = context.clients.kube.get(LEASES, namespace=namespace, name=lease)
            wanted = copy.deepcopy(stored)
            edit(wanted["metadata"])
            if wanted != stored:
                context.clients.kube.replace(LEASES, namespace=namespace, body=wanted, reason=reason)
        except NotFoundError:
            return False
        return True

    return retry_on_conflict(change_once, clock=context.clock, random=context.random)

"""Repairs one finding. Each change of a task uses its lock: a Workflow of cancel-agents, or the task's Lease.

Guarantees that a repair that is repeated, after a crash or by a second reconcile, takes effect once. The name of a
Workflow contains the Lease's epoch and the number of the attempt. A record is reopened, and a flag cleared, only if
they have not changed since the snapshot. A Lease is released by compare-and-swap. No object is deleted here, and no
label of a pull request is changed.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.cancellation import REPAIR_LABEL, StateChange, build_workflow, changed_config_map, update_state_document
from steps.core import REPOSITORY, BadInputError, ConflictError, NotFoundError, StepError, format_time, repository_label
from steps.domain import RECONCILE_REASON, Phase
from steps.kube import CONFIG_MAPS, LEASES, WORKFLOWS
from steps.lease import lease_name
from steps.reconciliation.escalation import escalate
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
from steps.reconciliation.planning import RepairAction
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from steps.domain import Push, Record
    from steps.lease import HeldLease
    from steps.observed_state import TaskState
    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.finding import DocumentFinding, Finding
    from steps.reconciliation.planning import PlannedRepair


def apply_repair(repair: PlannedRepair, *, context: ReconcileContext) -> None:
    """Apply a planned repair.

    Args:
        repair: The finding and its action.
        context: The process.

    Raises:
        StepError: The repair failed. The next pass finds the problem again.
    """
    if repair.action in (RepairAction.WAIT, RepairAction.REPORT):
        return
    if repair.action is RepairAction.ESCALATE:
        escalate(repair, context=context)
        return
    match repair.finding:
        case LostPush(push=push, task_state=task_state) | UnfinishedPush(push=push, task_state=task_state):
            _submit(push, repair.finding, task_state=task_state, context=context)
        case LiveStaleRuns(record=record) as finding:
            if reopened := _reopen(finding, context=context):
                _submit(record.push, finding, task_state=reopened, context=context)
        case OrphanedLock(task_state=task_state):
            _release_lease(task_state, context=context)
        case StrayFlag() as finding:
            _clear_flag(finding, context=context)
        case CorruptState() as finding:
            _change_document(finding, None, context=context)
        case UnreadableRecord() | UnstartedWorkflow() | WrongClock():
            return  # only a person can correct it


def repair_id(lease: str, *, epoch: int, attempt: int, sha: str) -> str:
    """Return the correlation id of a repair. It stays the same while the task does not change.

    Args:
        lease: Name of the task's Lease.
        epoch: Fencing epoch of the Lease.
        attempt: Total number of earlier attempts.
        sha: Commit of the push.
    """
    return f"repair-{hashlib.sha256(lease.encode()).hexdigest()[:10]}-e{epoch}-t{attempt}-{sha[:8]}"


def _submit(push: Push, finding: Finding, *, task_state: TaskState | None, context: ReconcileContext) -> None:
    name = lease_name(repository=push.repository, task=push.task)
    correlation_id = repair_id(
        name,
        epoch=task_state.epoch if task_state else 0,
        attempt=task_state.attempts.total if task_state else 0,
        sha=push.sha,
    )
    labels = {REPAIR_LABEL: "true", REPOSITORY: repository_label(push.repository)}
    values = {
        "repository": str(push.repository),
        "task-id": str(push.task),
        "ref": push.ref,
        "before": str(push.before),
        "sha": str(push.sha),
        "pushed-at": str(int(push.pushed_at.timestamp())),
        "correlation-id": correlation_id,
        "reason": RECONCILE_REASON,
        "dry-run": "false",
        "requested-by": RECONCILE_REASON,
    }
    wanted = build_workflow(values, settings=context.settings, labels=labels)
    try:
        home = context.settings.namespaces.workflows
        context.clients.kube.create(
            WORKFLOWS, namespace=home, body=wanted, reason=_write_reason(finding, WriteCause.REPAIR)
        )
    except ConflictError:
        context.log.info("repair was already submitted", workflow=wanted["metadata"]["name"])
    else:
        context.log.info("repair submitted", workflow=wanted["metadata"]["name"], task=push.task, finding=finding.kind)


def _acquire_lease(record: Record, *, to: Record, context: ReconcileContext) -> HeldLease | None:
    """Take the task's Lease if it is free and its record has not changed since the snapshot."""

    def unchanged(stored: Record | None) -> Record | None:
        return to if stored == record else None

    return context.step_context(record.push).lease().acquire(unchanged)


def _reopen(finding: LiveStaleRuns, *, context: ReconcileContext) -> TaskState | None:
    """Set the phase of a finished record to failed, so that it does not supersede its own push."""
    failed = replace(finding.record, phase=Phase.FAILED, finished_at=context.now())
    failed = failed.with_error(f"reconcile: {finding.kind}: {finding.detail}")
    held = _acquire_lease(finding.record, to=failed, context=context)
    if held is None:
        return None
    held.release(failed)
    return replace(finding.task_state, epoch=held.epoch)


def _write_reason(finding: Finding, cause: WriteCause) -> WriteReason:
    epoch = finding.task_state.epoch if finding.task_state else None
    return WriteReason(cause=cause, epoch=epoch, detail=finding.kind)


def _release_lease(task_state: TaskState, *, context: ReconcileContext) -> None:
    namespace = context.settings.namespaces.workflows
    try:
        lease = context.clients.kube.get(LEASES, namespace=namespace, name=task_state.name)
        if lease["metadata"]["resourceVersion"] != task_state.resource_version:
            return
        freed = lease | {"spec": lease["spec"] | {"holderIdentity": ""}}
        reason = WriteReason(cause=WriteCause.ORPHANED, epoch=task_state.epoch, detail=f"of {task_state.holder}")
        context.clients.kube.replace(LEASES, namespace=namespace, body=freed, reason=reason)
    except (NotFoundError, ConflictError):
        return  # another holder has taken it


def _clear_flag(finding: StrayFlag, *, context: ReconcileContext) -> None:
    """Clear a flag under the task's Lease. A document that cannot be written costs no epoch, only a request."""
    change, task_state = StateChange(in_progress=False), finding.task_state
    has_lease = task_state is not None and task_state.record is not None
    _change_document(finding, change, context=context, only_try=has_lease)
    if task_state is None or task_state.record is None:
        return
    held = _acquire_lease(task_state.record, to=task_state.record, context=context)
    if held is None:
        return
    try:
        refused = update_state_document(change, context=context.step_context(task_state.record.push), held=held)
    except StepError:
        held.release(task_state.record)
        raise
    held.release(task_state.record)
    if refused:
        raise refused


def _change_document(
    finding: DocumentFinding, change: StateChange | None, *, context: ReconcileContext, only_try: bool = False
) -> None:
    """Change a document without a Lease, or copy a corrupt one to its quarantine key, if it is still wrong."""
    kube, settings, document = context.clients.kube, context.settings, finding.document
    namespace = settings.namespaces.documents
    try:
        stored = kube.get(CONFIG_MAPS, namespace=namespace, name=document.name)
        wanted = changed_config_map(
            stored, key=settings.state.key, change=change, now=format_time(context.now()), warn=context.log.warning
        )
        if wanted == stored:
            return
        if only_try:
            with suppress(BadInputError):  # a webhook that cannot judge a dry run
                kube.try_replace(CONFIG_MAPS, namespace=namespace, body=wanted)
            return
        kube.replace(CONFIG_MAPS, namespace=namespace, body=wanted, reason=_write_reason(finding, WriteCause.STATE))
    except (NotFoundError, ConflictError):
        return  # deleted, or another client writes it: the next pass reads it again

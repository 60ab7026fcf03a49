"""Mending one finding. Whatever changes a task goes through its lock: a Workflow of cancel-agents, or the Lease itself.

Guarantees that a repair which is repeated, by a crash or by a second reconcile, is one: a Workflow is named after the
Lease's epoch and try, a record is reopened and a flag cleared only if they still are as they were found, and a lock is
freed by compare-and-swap on what was found. Nothing is deleted here but a hold, and no label is touched.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.cancellation import REPAIR_LABEL, StateChange, build_workflow, changed_config_map, update_state_document
from steps.core import REPOSITORY, ConflictError, NotFoundError, StepError, format_time, repository_label
from steps.domain import RECONCILE_REASON, Phase
from steps.kube import CONFIG_MAPS, LEASES, WORKFLOWS, EventReason, build_event, lease_reference, send_event
from steps.lease import lease_name
from steps.reconciliation.attempts import ATTENTION_LABEL, RepairAttempts, count_attempt, escalate
from steps.reconciliation.finding import (
    CorruptState,
    LiveStaleRuns,
    LostPush,
    OrphanedLock,
    StrayFlag,
    UnfinishedPush,
    UnreadableRecord,
    WrongClock,
)
from steps.reconciliation.planning import RepairAction
from steps.reconciliation.task_state import TaskState
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from steps.domain import Push, Record
    from steps.lease import HeldLease
    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.finding import DocumentFinding, Finding
    from steps.reconciliation.planning import PlannedRepair


def apply_repair(intent: PlannedRepair, *, context: ReconcileContext) -> None:
    """Do what was planned.

    Raises:
        StepError: It could not be done; the next pass finds it again.
    """
    if intent.action in (RepairAction.WAIT, RepairAction.REPORT):
        return
    if intent.action is RepairAction.ESCALATE:
        _escalate(intent, context=context)
        return
    match intent.finding:
        case LostPush(push=push, task_state=task_state) | UnfinishedPush(push=push, task_state=task_state):
            _submit(push, intent.finding, task_state=task_state, context=context)
        case LiveStaleRuns(record=record) as finding:
            if reopened := _reopen(finding, context=context):
                _submit(record.push, finding, task_state=reopened, context=context)
        case OrphanedLock(task_state=task_state):
            _free(task_state, context=context)
        case StrayFlag() as finding:
            _clear(finding, context=context)
        case CorruptState() as finding:
            _change_document(finding, None, context=context)
        case UnreadableRecord() | WrongClock():
            return  # only a person can


def count_repair(intent: PlannedRepair, *, context: ReconcileContext) -> None:
    """Count an attempt to repair the task, if this is about more than its state document."""
    finding = intent.finding
    match finding:
        case StrayFlag() | CorruptState():
            return
        case LostPush(push=push, task_state=None):
            name = lease_name(repository=push.repository, task=push.task)
            count_attempt(name, of=push, after=RepairAttempts(), what=finding.kind, context=context)
        case LostPush(push=push, task_state=TaskState() as known) | UnfinishedPush(push=push, task_state=known):
            count_attempt(known.name, of=push, after=known.tries, what=finding.kind, context=context)
        case LiveStaleRuns(record=record, task_state=known):
            count_attempt(known.name, of=record.push, after=known.tries, what=finding.kind, context=context)
        case OrphanedLock(task_state=known) | UnreadableRecord(task_state=known) | WrongClock(task_state=known):
            count_attempt(known.name, of=None, after=known.tries, what=finding.kind, context=context)


def repair_id(lease: str, *, epoch: int, attempt: int, sha: str) -> str:
    """What a repair is called: the same as long as nothing has happened to the task since it was found."""
    return f"repair-{hashlib.sha256(lease.encode()).hexdigest()[:10]}-e{epoch}-t{attempt}-{sha[:8]}"


def _submit(push: Push, finding: Finding, *, task_state: TaskState | None, context: ReconcileContext) -> None:
    name = lease_name(repository=push.repository, task=push.task)
    correlation_id = repair_id(
        name,
        epoch=task_state.epoch if task_state else 0,
        attempt=task_state.tries.total if task_state else 0,
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
        context.clients.kube.create(WORKFLOWS, namespace=home, body=wanted, reason=_why(finding, WriteCause.REPAIR))
    except ConflictError:
        context.log.info("repair was submitted before", workflow=wanted["metadata"]["name"])
    else:
        context.log.info("repair submitted", workflow=wanted["metadata"]["name"], task=push.task, finding=finding.kind)


def _hold(record: Record, *, to: Record, context: ReconcileContext) -> HeldLease | None:
    """Take the task's Lease if it is free and its record still the one that was found."""

    def unchanged(stored: Record | None) -> Record | None:
        return to if stored == record else None

    return context.step_context(record.push).lease().acquire(unchanged)


def _reopen(finding: LiveStaleRuns, *, context: ReconcileContext) -> TaskState | None:
    """Make a finished record an unfinished one, so that its own push is not superseded by it."""
    failed = replace(finding.record, phase=Phase.FAILED, finished_at=context.now())
    failed = failed.with_error(f"reconcile: {finding.kind}: {finding.detail}")
    held = _hold(finding.record, to=failed, context=context)
    if held is None:
        return None
    held.release(failed)
    return replace(finding.task_state, epoch=held.epoch)


def _why(finding: Finding, cause: WriteCause) -> WriteReason:
    epoch = finding.task_state.epoch if finding.task_state else None
    return WriteReason(cause=cause, epoch=epoch, detail=finding.kind)


def _free(task_state: TaskState, *, context: ReconcileContext) -> None:
    namespace = context.settings.namespaces.workflows
    try:
        lease = context.clients.kube.get(LEASES, namespace=namespace, name=task_state.name)
        if lease["metadata"]["resourceVersion"] != task_state.resource_version:
            return
        freed = lease | {"spec": lease["spec"] | {"holderIdentity": ""}}
        reason = WriteReason(cause=WriteCause.ORPHANED, epoch=task_state.epoch, detail=f"of {task_state.holder}")
        context.clients.kube.replace(LEASES, namespace=namespace, body=freed, reason=reason)
    except (NotFoundError, ConflictError):
        return  # somebody has taken it since


def _clear(finding: StrayFlag, *, context: ReconcileContext) -> None:
    change, task_state = StateChange(in_progress=False), finding.task_state
    if task_state is None or task_state.record is None:
        _change_document(finding, change, context=context)
        return
    held = _hold(task_state.record, to=task_state.record, context=context)
    if held is None:
        return
    try:
        update_state_document(change, context=context.step_context(task_state.record.push), held=held)
    except StepError:
        held.release(task_state.record)
        raise
    held.release(task_state.record)


def _change_document(finding: DocumentFinding, change: StateChange | None, *, context: ReconcileContext) -> None:
    """Change a document of no lock, or copy one aside, if it is still wrong."""
    settings, document = context.settings, finding.document
    namespace = settings.namespaces.agents
    try:
        stored = context.clients.kube.get(CONFIG_MAPS, namespace=namespace, name=document.name)
        wanted = changed_config_map(
            stored, key=settings.state.key, change=change, now=format_time(context.now()), warn=context.log.warning
        )
        if wanted != stored:
            context.clients.kube.replace(
                CONFIG_MAPS, namespace=namespace, body=wanted, reason=_why(finding, WriteCause.STATE)
            )
    except (NotFoundError, ConflictError):
        return  # gone, or somebody writes it: the next pass looks again


def _escalate(intent: PlannedRepair, *, context: ReconcileContext) -> None:
    """Label the Lease and leave an Event; the log line is what an alert counts."""
    finding, task_state = intent.finding, intent.finding.task_state
    if task_state is None:
        return  # without a Lease no attempt was counted, so none was one too many
    if context.settings.kubernetes.events:
        about = lease_reference(task_state.name, uid=task_state.uid, namespace=context.settings.namespaces.workflows)
        advice = (
            finding.advice or f"see the log of its last Workflow, then remove label {ATTENTION_LABEL} from the Lease"
        )
        message = f"{finding.kind}: {finding.detail[:500]}. {intent.reason or 'Not repaired by itself'}. {advice[:300]}"
        body = build_event(
            about,
            reason=EventReason.NEEDS_ATTENTION,
            message=message,
            once=task_state.resource_version,
            component=RECONCILE_REASON,
            now=context.now(),
        )
        send_event(body, kube=context.clients.kube)
    escalate(task_state.name, context=context)
    context.log.error(
        "needs attention",
        finding=finding.kind,
        task=finding.task,
        repository=finding.repository,
        lease=task_state.name,
        detail=finding.detail,
        advice=f"mend it, then remove label {ATTENTION_LABEL} from the Lease",
    )

"""Finds and deletes the Leases of tasks that have been idle for long.

Guarantees that a Lease is deleted only if it is free, finished, unchanged for `keep_idle_days`, not escalated and
without live runs. Exactly the version that was judged is deleted. A new Lease starts at epoch 1, and a document with an
epoch of an earlier version, which names no uid, would refuse it. So the epoch is first removed from the document. Not
covered: Workflows, which their `ttlStrategy` bounds, and copies of corrupt documents, which a single key bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.cancellation import STATE_EPOCH, STATE_EPOCH_OF, is_epoch_of
from steps.core import ConflictError, NotFoundError
from steps.kube import CONFIG_MAPS, LEASES, lease_reference
from steps.reconciliation.finding import Finding, FindingKind
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from steps.observed_state import TaskState
    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.task_index import TaskIndex

_DAY_S = 86400.0


def idle_leases(index: TaskIndex, findings: Collection[Finding]) -> Iterator[TaskState]:
    """Find the Leases of idle tasks. If the live runs are not known, none is returned.

    Args:
        index: The snapshot by task.
        findings: The findings of the pass. Leases of their tasks are kept.
    """
    if not index.snapshot.runs_known:
        return
    idle_s = index.settings.reconcile.keep_idle_days * _DAY_S
    # A time in the future stays for as long as the Lease does.
    concerned = {finding.task for finding in findings if finding.kind is not FindingKind.WRONG_CLOCK}
    concerned |= {task for task, _ in index.snapshot.busy}
    concerned |= {task for _, task in index.runs}
    for task_state in index.snapshot.task_states:
        is_done = task_state.is_idle and not task_state.escalated
        if is_done and task_state.task not in concerned and _is_old(task_state, index=index, idle_s=idle_s):
            yield task_state


def _is_old(task_state: TaskState, *, index: TaskIndex, idle_s: float) -> bool:
    """Whether the Lease was last written this long ago. A Lease without any time is kept: it may be from just now."""
    record = task_state.record
    last = index.renewed_at(task_state) or (record.finished_at if record else None)
    return last is not None and index.ago(idle_s) >= last


def delete_idle_lease(task_state: TaskState, *, context: ReconcileContext) -> None:
    """Delete a Lease if it has not changed since the snapshot.

    Args:
        task_state: The Lease as it was judged.
        context: The process.

    Raises:
        StepError: The API server refuses or does not answer. The next pass tries again.
    """
    home = context.settings.namespaces.workflows
    _remove_epoch(task_state, context=context)
    options = {"preconditions": {"uid": task_state.uid, "resourceVersion": task_state.resource_version}}
    try:
        context.clients.kube.delete(
            LEASES, namespace=home, name=task_state.name, options=options, reason=_write_reason(task_state)
        )
    except (NotFoundError, ConflictError):
        return
    context.log.info("idle Lease deleted", lease=task_state.name, task=task_state.task, epoch=task_state.epoch)


def _remove_epoch(task_state: TaskState, *, context: ReconcileContext) -> None:
    """Remove the Lease's epoch from the task's state document."""
    if not context.settings.state.config_map:
        return
    namespace = context.settings.namespaces.documents
    name = context.settings.state.of_task(task_state.task)
    try:
        stored = context.clients.kube.get(CONFIG_MAPS, namespace=namespace, name=name)
    except NotFoundError:
        return
    annotations = stored["metadata"].get("annotations") or {}
    lease = lease_reference(task_state.name, uid=task_state.uid, namespace=context.settings.namespaces.workflows)
    if STATE_EPOCH not in annotations or not is_epoch_of(lease, annotations=annotations):
        return
    for key in (STATE_EPOCH, STATE_EPOCH_OF):
        annotations.pop(key, None)
    context.clients.kube.replace(CONFIG_MAPS, namespace=namespace, body=stored, reason=_write_reason(task_state))


def _write_reason(task_state: TaskState) -> WriteReason:
    return WriteReason(cause=WriteCause.IDLE, epoch=task_state.epoch, detail=f"task {task_state.task}")

"""Leases of tasks that are long over: found and deleted, so that they do not pile up for ever.

Guarantees that only a Lease is deleted that is free, finished, untouched for `keep_idle_days`, waits for nobody and has
no live run, and only the very version that was judged so. A new Lease starts at epoch 1, which the task's state
document would refuse for ever: so the epoch that stands there is removed first. Workflows are bounded by their
`ttlStrategy`, copies of corrupt documents by their one key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.cancellation import STATE_EPOCH, STATE_EPOCH_OF
from steps.core import ConflictError, NotFoundError
from steps.kube import CONFIG_MAPS, LEASES
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.finding import Finding
    from steps.reconciliation.task_index import TaskIndex
    from steps.reconciliation.task_state import TaskState

_DAY_S = 86400.0


def idle_leases(index: TaskIndex, findings: Collection[Finding]) -> Iterator[TaskState]:
    """Leases that nobody needs any more; none if it is not known which runs are alive."""
    if not index.snapshot.runs_known:
        return
    idle_s = index.settings.reconcile.keep_idle_days * _DAY_S
    concerned = {finding.task for finding in findings} | {task for task, _ in index.snapshot.busy}
    concerned |= {task for _, task in index.runs}
    for task_state in index.snapshot.task_states:
        over = task_state.is_idle and not task_state.escalated
        if over and task_state.task not in concerned and index.is_silent(task_state, idle_s):
            yield task_state


def delete_idle_lease(task_state: TaskState, *, context: ReconcileContext) -> None:
    """Delete a Lease, if it is still the one that was judged.

    Raises:
        StepError: The API server refuses or does not answer; the next pass tries again.
    """
    home = context.settings.namespaces.workflows
    _unfence(task_state, context=context)
    options = {"preconditions": {"uid": task_state.uid, "resourceVersion": task_state.resource_version}}
    try:
        context.clients.kube.delete(
            LEASES, namespace=home, name=task_state.name, options=options, reason=_why(task_state)
        )
    except (NotFoundError, ConflictError):
        return
    context.log.info("idle Lease deleted", lease=task_state.name, task=task_state.task, epoch=task_state.epoch)


def _unfence(task_state: TaskState, *, context: ReconcileContext) -> None:
    """Remove the epoch from the task's state document."""
    namespace = context.settings.namespaces.agents
    name = context.settings.state.config_map.format(task=task_state.task)
    try:
        stored = context.clients.kube.get(CONFIG_MAPS, namespace=namespace, name=name)
    except NotFoundError:
        return
    annotations = stored["metadata"].get("annotations") or {}
    if STATE_EPOCH not in annotations or annotations.get(STATE_EPOCH_OF, task_state.name) != task_state.name:
        return
    for key in (STATE_EPOCH, STATE_EPOCH_OF):
        annotations.pop(key, None)
    context.clients.kube.replace(CONFIG_MAPS, namespace=namespace, body=stored, reason=_why(task_state))


def _why(task_state: TaskState) -> WriteReason:
    return WriteReason(cause=WriteCause.IDLE, epoch=task_state.epoch, detail=f"task {task_state.task}")

"""Leaves a task to a person: a label on its Lease, an Event and a line in the log.

Guarantees that a task with the label was announced: the Event comes first, and a repeated one counts as sent. If it
cannot be sent, the task stays without the label, and the next pass tries again. If the API server refuses Events, the
label and the log line are all. Nothing is repaired here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import ForbiddenError
from steps.domain import RECONCILE_REASON
from steps.kube import EventReason, build_event, lease_reference, send_event
from steps.observed_state import ATTENTION_LABEL
from steps.reconciliation.attempts import mark_escalated

if TYPE_CHECKING:
    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.planning import PlannedRepair


def escalate(repair: PlannedRepair, *, context: ReconcileContext) -> None:
    """Label the task's Lease, create an Event and write a log line.

    Args:
        repair: The finding, and why it is left to a person.
        context: The process.

    Raises:
        StepError: The Event could not be sent, or the Lease could not be written.
    """
    finding, task_state = repair.finding, repair.finding.task_state
    if task_state is None:
        return  # attempts are counted on a Lease, so a task without one is never escalated
    if context.settings.kubernetes.events:
        about = lease_reference(task_state.name, uid=task_state.uid, namespace=context.settings.namespaces.workflows)
        advice = (
            finding.advice or f"see the log of its last Workflow, then remove label {ATTENTION_LABEL} from the Lease"
        )
        message = (
            f"{finding.kind}: {finding.detail[:500]}. {repair.reason or 'Not repaired automatically'}. {advice[:300]}"
        )
        body = build_event(
            about,
            reason=EventReason.NEEDS_ATTENTION,
            message=message,
            once=task_state.resource_version,
            component=RECONCILE_REASON,
            now=context.now(),
        )
        try:
            send_event(body, kube=context.clients.kube)
        except ForbiddenError as error:
            # No later pass may create it either.
            context.log.warning("could not create Event", reason=EventReason.NEEDS_ATTENTION, problem=str(error))
    mark_escalated(task_state.name, context=context)
    context.log.error(
        "needs attention",
        finding=finding.kind,
        task=finding.task,
        repository=finding.repository,
        lease=task_state.name,
        detail=finding.detail,
        advice=f"correct the problem, then remove label {ATTENTION_LABEL} from the Lease",
    )

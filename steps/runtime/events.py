"""Kubernetes Events about a task.

Guarantees that an Event never fails or undoes the work that it reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import StepError, TerminatedError
from steps.kube import build_event, send_event

if TYPE_CHECKING:
    from steps.kube import EventReason, ObjectReference
    from steps.lease import HeldLease
    from steps.runtime.context import StepContext


EVENT_COMPONENT = "agent-cancellation"


def emit_task_event(reason: EventReason, message: str, *, context: StepContext, held: HeldLease) -> None:
    """Tell something of the task: an Event on its Lease. Never fails."""
    emit_event(held.reference, reason, message, once=f"{held.epoch}", context=context)


def emit_event(about: ObjectReference, reason: EventReason, message: str, *, once: str, context: StepContext) -> None:
    """Tell something of an object. Never fails."""
    if not context.settings.kubernetes.events:
        return
    now = context.clock.now()
    body = build_event(about, reason=reason, message=message, once=once, component=EVENT_COMPONENT, now=now)
    try:
        send_event(body, kube=context.clients.kube)
    except TerminatedError:
        raise
    except StepError as error:
        context.log.warning("no Event was left", reason=reason, error=type(error).__name__)

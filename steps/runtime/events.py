"""Kubernetes Events about a task.

Guarantees that an Event that cannot be created never fails a step. Not guaranteed: that an Event is created.
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
    """Create an Event on the task's Lease. Never fails, except on SIGTERM."""
    emit_event(held.reference, reason, message, once=f"{held.epoch}", context=context)


def emit_event(about: ObjectReference, reason: EventReason, message: str, *, once: str, context: StepContext) -> None:
    """Create an Event on an object. Never fails, except on SIGTERM."""
    if not context.settings.kubernetes.events:
        return
    now = context.now()
    body = build_event(about, reason=reason, message=message, once=once, component=EVENT_COMPONENT, now=now)
    try:
        send_event(body, kube=context.clients.kube)
    except TerminatedError:
        raise
    except StepError as error:
        context.log.warning("could not create Event", reason=reason, error=type(error).__name__)

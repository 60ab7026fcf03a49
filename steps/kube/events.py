"""Kubernetes Events: `kubectl describe` of a task's Lease or of an agent run shows each action and its reason.

Guarantees that an Event never fails the action that it reports: it is sent once, after the action, and any error ends
the attempt. The name of an Event derives from its content, so a repeated Event is the same Event. The API server keeps
Events for an hour; the Lease's record keeps the facts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.core import ConflictError, format_time
from steps.kube.resources import EVENTS
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from datetime import datetime

    from steps.kube.client import Kube
    from steps.kube.transport import Json

_MAX_NAME, _MAX_MESSAGE = 200, 1000


class EventReason(StrEnum):
    """The reason of an Event, as one word."""

    CANCELLING = "Cancelling"
    COMPLETED = "CancellationCompleted"
    FAILED = "CancellationFailed"
    ENDED_WAITERS = "EndedWaitingWorkflows"
    NEEDS_ATTENTION = "NeedsAttention"
    CANCELLED = "CancelledByPush"


_WARNINGS = (EventReason.FAILED, EventReason.NEEDS_ATTENTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectReference:
    """The object of an Event; `kubectl describe` finds its Events by the uid."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def lease_reference(name: str, *, uid: str, namespace: str) -> ObjectReference:
    """Return the reference to a task's Lease."""
    return ObjectReference(api_version="coordination.k8s.io/v1", kind="Lease", namespace=namespace, name=name, uid=uid)


def build_event(
    about: ObjectReference, *, reason: EventReason, message: str, once: str, component: str, now: datetime
) -> Json:
    """Return an Event.

    Args:
        about: The object of the Event.
        reason: One word for programs.
        message: A sentence for people.
        once: Distinguishes the Event from an earlier one of this reason; the fencing epoch, for instance.
        component: The program that reports.
        now: The time.
    """
    stamp = format_time(now)
    digest = hashlib.sha256(f"{about.uid}/{reason}/{once}".encode()).hexdigest()[:10]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about.name[:_MAX_NAME].rstrip('.-')}.{digest}", "namespace": about.namespace},
        "involvedObject": {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "name": about.name,
            "namespace": about.namespace,
            "uid": about.uid,
        },
        "type": "Warning" if reason in _WARNINGS else "Normal",
        "reason": str(reason),
        "message": message[:_MAX_MESSAGE],
        "source": {"component": component},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


def send_event(body: Json, *, kube: Kube) -> None:
    """Send an Event. An Event that exists already counts as sent.

    Raises:
        StepError: The Event could not be sent.
    """
    try:
        reason = WriteReason(cause=WriteCause.EVENT, detail=body["reason"])
        kube.create(EVENTS, namespace=body["metadata"]["namespace"], body=body, reason=reason)
    except ConflictError:
        return

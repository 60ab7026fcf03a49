"""Kubernetes Events: so that `kubectl describe` of a task's Lease, or of an agent run, tells what was done and why.

Guarantees that an Event never fails or undoes what it tells of: it is sent after that, once, and given up at the first
answer that is not good. One that is told twice is one, since its name is made of what it is about. Does not guarantee
that anybody finds it: the API server keeps Events for an hour. What must last stands in the Lease's record.
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
    """What an Event tells of."""

    CANCELLING = "Cancelling"
    COMPLETED = "CancellationCompleted"
    FAILED = "CancellationFailed"
    ENDED_WAITERS = "EndedWaitingWorkflows"
    NEEDS_ATTENTION = "NeedsAttention"
    CANCELLED = "CancelledByPush"


_WARNINGS = (EventReason.FAILED, EventReason.NEEDS_ATTENTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectReference:
    """The object that an Event is about; `kubectl describe` finds it by the uid."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def lease_reference(name: str, *, uid: str, namespace: str) -> ObjectReference:
    """A task's Lease."""
    return ObjectReference(api_version="coordination.k8s.io/v1", kind="Lease", namespace=namespace, name=name, uid=uid)


def build_event(
    about: ObjectReference, *, reason: EventReason, message: str, once: str, component: str, now: datetime
) -> Json:
    """An Event.

    Args:
        about: What it is about.
        reason: One word for programs.
        message: A sentence for people.
        once: What makes it another Event than an earlier one of this reason: the epoch, for instance.
        component: Who tells.
        now: When.
    """
    told = format_time(now)
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
        "firstTimestamp": told,
        "lastTimestamp": told,
        "count": 1,
    }


def send_event(body: Json, *, kube: Kube) -> None:
    """Send an Event; one that is there already is fine.

    Raises:
        StepError: It could not be sent.
    """
    try:
        reason = WriteReason(cause=WriteCause.TELL, detail=body["reason"])
        kube.create(EVENTS, namespace=body["metadata"]["namespace"], body=body, reason=reason)
    except ConflictError:
        return

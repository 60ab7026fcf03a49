"""Kubernetes Events: so that `kubectl describe` of a task's Lease, or of an agent run, tells what was done and why.

Guarantees that an Event never fails or undoes what it tells of: it is sent after that, once, and given up at the first
answer that is not good. One that is told twice is one, since its name is made of what it is about. Does not guarantee
that anybody finds it: the API server keeps Events for an hour. What must last stands in the Lease's record.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from steps.clock import stamp
from steps.errors import ConflictError, StepError, TerminatedError
from steps.kube import EVENTS
from steps.record import Outcome
from steps.why import Cause, Why
from steps.workers import side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from steps.context import Context
    from steps.hold import Hold
    from steps.kube import Json, Kube
    from steps.record import Record
    from steps.runs import Run

COMPONENT = "agent-cancellation"
_MAX_NAME, _MAX_MESSAGE = 200, 1000


class Reason(StrEnum):
    """What an Event tells of."""

    CANCELLING = "Cancelling"
    COMPLETED = "CancellationCompleted"
    FAILED = "CancellationFailed"
    ENDED_WAITERS = "EndedWaitingWorkflows"
    NEEDS_ATTENTION = "NeedsAttention"
    CANCELLED = "CancelledByPush"


_WARNINGS = (Reason.FAILED, Reason.NEEDS_ATTENTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The object that an Event is about; `kubectl describe` finds it by the uid."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def of_lease(name: str, *, uid: str, namespace: str) -> About:
    """A task's Lease."""
    return About(api_version="coordination.k8s.io/v1", kind="Lease", namespace=namespace, name=name, uid=uid)


def event(about: About, *, reason: Reason, message: str, once: str, component: str, now: datetime) -> Json:
    """An Event.

    Args:
        about: What it is about.
        reason: One word for programs.
        message: A sentence for people.
        once: What makes it another Event than an earlier one of this reason: the epoch, for instance.
        component: Who tells.
        now: When.
    """
    told = stamp(now)
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


def send(body: Json, *, kube: Kube) -> None:
    """Send an Event; one that is there already is fine.

    Raises:
        StepError: It could not be sent.
    """
    try:
        why = Why(cause=Cause.TELL, detail=body["reason"])
        kube.create(EVENTS, namespace=body["metadata"]["namespace"], body=body, why=why)
    except ConflictError:
        return


def tell(reason: Reason, message: str, *, context: Context, hold: Hold) -> None:
    """Tell something of the task: an Event on its Lease. Never fails."""
    tell_of(hold.lease, reason, message, once=f"{hold.epoch}", context=context)


def tell_of(about: About, reason: Reason, message: str, *, once: str, context: Context) -> None:
    """Tell something of an object. Never fails."""
    if not context.settings.kubernetes.events:
        return
    now = context.clock.now()
    body = event(about, reason=reason, message=message, once=once, component=COMPONENT, now=now)
    try:
        send(body, kube=context.kube)
    except TerminatedError:
        raise
    except StepError as error:
        context.log.warning("no Event was left", reason=reason, error=type(error).__name__)


def tell_stopping(runs: Sequence[Run], *, record: Record, context: Context, hold: Hold) -> None:
    """Tell of the runs that were told to stop, as the record says: an Event on each, and one on the Lease.

    Called while they end, when there is nothing else to do. Never fails, but for the hold that is lost meanwhile.

    Raises:
        LockLostError: The hold was lost.
    """
    stopping = {agent.uid for agent in record.agents if agent.outcome is Outcome.STOPPING}
    runs = [run for run in runs if run.uid in stopping]
    if not runs or not context.settings.kubernetes.events:
        return
    push = record.push
    why = f"by push {push.sha[:12]} to {push.branch} by {push.requested_by}, workflow {context.workflow}"
    names = ", ".join(f"{run.facts.agent} {run.name}" for run in runs)
    namespace = context.settings.namespaces.agents
    told = [(hold.lease, Reason.CANCELLING, f"{len(runs)} stale, {why}: {names}", f"{hold.epoch} {names}")]
    told += [(run.about(namespace=namespace), Reason.CANCELLED, f"Cancelled {why}", push.sha) for run in runs]
    side_by_side(
        [partial(tell_of, about, reason, message, once=once, context=context) for about, reason, message, once in told],
        parallel=context.settings.stop.parallel,
        meanwhile=hold.keep,
    )

"""How often a task was repaired, and whether it waits for a person: on its Lease, for whoever looks.

Guarantees that a count is never lost and never taken back by somebody else's write: each change is a compare-and-swap
on what was just read. The count starts again once the task is healthy, and when the task is handed over: whoever
removes the label gives it as many tries again. The total never does, so that no two tries are called the same. A task
whose push was lost may have no Lease yet: it gets one to count on.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.core import (
    PREFIX,
    ConflictError,
    NotFoundError,
    format_micro_time,
    format_time,
    parse_time,
    retry_on_conflict,
)
from steps.kube import LEASES
from steps.lease import lease_labels
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.domain import Push
    from steps.kube import Json
    from steps.reconciliation.context import ReconcileContext

ATTEMPTS_ANNOTATION = f"{PREFIX}/repairs"
ATTENTION_LABEL = f"{PREFIX}/needs-attention"
# A count beyond this was not counted but written by hand.
_MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairAttempts:
    """Repairs of one task.

    Attributes:
        count: Since it was last healthy, or left to a person.
        total: Ever.
        last_at: When the last one was counted.
    """

    count: int = 0
    total: int = 0
    last_at: datetime | None = None

    def ready_at(self, now: datetime, *, backoff_s: float, longest: int) -> bool:
        """Whether the pause after the last one is over.

        Args:
            now: The moment that is asked about.
            backoff_s: Seconds after the first try; doubled with each further one.
            longest: The try from which on it is no longer doubled.
        """
        if self.last_at is None or not self.count:
            return True
        # A time in the future was written by a clock that is wrong: it must not hold the task up.
        return not 0 <= (now - self.last_at).total_seconds() < backoff_s * 2 ** (min(self.count, longest) - 1)


def read_attempts(metadata: Json) -> RepairAttempts:
    """The tries that a Lease's metadata tells of; none if that can't be read."""
    try:
        found = json.loads((metadata.get("annotations") or {})[ATTEMPTS_ANNOTATION])
        counted = min(max(0, int(found["count"])), _MOST)
        total = min(max(counted, int(found.get("total", 0))), _MOST)
        return RepairAttempts(count=counted, total=total, last_at=parse_time(found["at"]))
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError):
        return RepairAttempts()


def is_escalated(metadata: Json) -> bool:
    """Whether the task waits for a person."""
    return ATTENTION_LABEL in (metadata.get("labels") or {})


def count_attempt(lease: str, *, of: Push | None, after: RepairAttempts, what: str, context: ReconcileContext) -> None:
    """Write down that one more try was made, now; twice is once, if an answer was lost.

    Args:
        lease: Name of the task's Lease.
        of: The push that it was about; with it, a Lease that is not there is made.
        after: The tries that were known when this one was made.
        what: What it was to mend.
        context: The pass.
    """

    def counted(metadata: Json) -> None:
        if read_attempts(metadata).total <= after.total:
            _write(
                metadata, RepairAttempts(count=after.count + 1, total=after.total + 1, last_at=context.now()), what=what
            )
            metadata["labels"] = (lease_labels(of) if of else {}) | (metadata.get("labels") or {})

    reason = WriteReason(cause=WriteCause.TRIES, detail=what)
    if not _change(lease, counted, reason=reason, context=context) and of:
        metadata: Json = {"name": lease, "namespace": context.settings.namespaces.workflows}
        counted(metadata)
        free = {"holderIdentity": "", "leaseTransitions": 0, "renewTime": format_micro_time(context.now())}
        body = {"metadata": metadata, "spec": free}
        try:
            context.clients.kube.create(LEASES, namespace=metadata["namespace"], body=body, reason=reason)
        except ConflictError:
            _change(lease, counted, reason=reason, context=context)


def reset_attempts(lease: str, *, context: ReconcileContext) -> None:
    """The task is healthy: the next repair is a first one, and nobody has to look any more."""

    def recovered(metadata: Json) -> None:
        _start_again(metadata)
        if is_escalated(metadata):
            del metadata["labels"][ATTENTION_LABEL]

    _change(lease, recovered, reason=WriteReason(cause=WriteCause.TRIES, detail="healthy"), context=context)


def escalate(lease: str, *, context: ReconcileContext) -> None:
    """Leave the task to a person: label its Lease."""

    def labelled(metadata: Json) -> None:
        metadata["labels"] = (metadata.get("labels") or {}) | {ATTENTION_LABEL: "true"}
        _start_again(metadata)

    _change(lease, labelled, reason=WriteReason(cause=WriteCause.ATTENTION), context=context)


def _start_again(metadata: Json) -> None:
    known = read_attempts(metadata)
    if known.count:
        _write(metadata, replace(known, count=0), what="")


def _write(metadata: Json, tries: RepairAttempts, *, what: str) -> None:
    at = format_time(tries.last_at) if tries.last_at else ""
    text = json.dumps({"count": tries.count, "total": tries.total, "at": at, "what": what})
    metadata["annotations"] = (metadata.get("annotations") or {}) | {ATTEMPTS_ANNOTATION: text}


def _change(lease: str, edit: Callable[[Json], object], *, reason: WriteReason, context: ReconcileContext) -> bool:
    """Change a Lease's metadata; whether there is such a Lease."""
    namespace = context.settings.namespaces.workflows

    def change_once() -> bool:
        try:
            stored = context.clients.kube.get(LEASES, namespace=namespace, name=lease)
            wanted = copy.deepcopy(stored)
            edit(wanted["metadata"])
            if wanted != stored:
                context.clients.kube.replace(LEASES, namespace=namespace, body=wanted, reason=reason)
        except NotFoundError:
            return False
        return True

    return retry_on_conflict(change_once, clock=context.clock, random=context.random)

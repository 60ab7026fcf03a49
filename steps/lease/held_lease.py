"""A hold on a task's Lease: the right to act on the task, for as long as it can be shown.

Guarantees that nothing is written after the hold is lost: every write is a compare-and-swap, `check` fails once the
last successful renewal was *sent* longer ago than the renew deadline, and a write whose answer was lost is settled by
reading again and comparing holder and epoch. Renewal happens in `keep`, which whoever waits has to call; there is no
thread of its own, so a process that is paused cannot go on renewing for work that is not being done.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from steps.core import (
    RECORD,
    ConflictError,
    LockLostError,
    NotFoundError,
    UnavailableError,
    retry_on_conflict,
)
from steps.kube import LEASES, ObjectReference, lease_reference
from steps.lease.lease_object import lease_body
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.core import Clock
    from steps.domain import Record
    from steps.kube import Json, Kube
    from steps.settings import LeaseSettings


class HeldLease:
    """One epoch of a task's Lease."""

    def __init__(
        self,
        *,
        kube: Kube,
        clock: Clock,
        random: Callable[[], float],
        settings: LeaseSettings,
        reread: Callable[[], Json],
        body: Json,
        holder: str,
        epoch: int,
        record: Record,
        sent_at: float,
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._random = random
        self._settings = settings
        self._reread = reread
        self._body = body
        self._holder = holder
        self._sent_at = sent_at
        # Why nothing may be written any more: what was read then is somebody else's, and would be overwritten.
        self._lost = ""
        self._lock = Lock()
        self._notes: dict[str, str] = {}
        self.epoch = epoch
        self.record = record

    @property
    def body(self) -> Json:
        """The Lease as it was written last."""
        return self._body

    @property
    def reference(self) -> ObjectReference:
        """The Lease, as an Event names it."""
        metadata = self._body["metadata"]
        return lease_reference(metadata["name"], uid=metadata["uid"], namespace=metadata["namespace"])

    def write_reason(self, cause: WriteCause, detail: str = "") -> WriteReason:
        """The reason of a write under this hold."""
        return WriteReason(cause=cause, epoch=self.epoch, detail=detail)

    def ensure_held(self) -> None:
        """Fail unless the hold can still be shown. Cheap; called right before every side effect, from any thread.

        Raises:
            LockLostError: The renew deadline is over, or somebody else was seen to have the Lease.
        """
        if self._lost:
            raise LockLostError(self._lost)
        if self._clock.monotonic() - self._sent_at >= self._settings.renew_deadline_s:
            raise LockLostError(
                f"the hold of epoch {self.epoch} was not renewed within {self._settings.renew_deadline_s:g} s"
            )

    def renew_if_due(self) -> None:
        """Renew if it is time to; safe to call from several threads.

        Raises:
            LockLostError: The Lease is no longer ours.
        """
        with self._lock:
            if self._clock.monotonic() - self._sent_at >= self._settings.renew_every_s:
                self._put(self.record, holder=self._holder, cause=WriteCause.RENEW)

    def annotation(self, name: str) -> str:
        """What stands beside the record under this name; empty if nothing does."""
        return self._notes.get(name) or (self._body["metadata"].get("annotations") or {}).get(name, "")

    def annotate(self, name: str, text: str) -> None:
        """Let something stand beside the record, from the next write on."""
        self._notes[name] = text

    def write(self, record: Record) -> None:
        """Write the ledger; renews as well.

        Raises:
            LockLostError: The Lease is no longer ours, and nothing was written.
        """
        with self._lock:
            self._put(record, holder=self._holder, cause=WriteCause.RECORD)
            self.record = record

    def release(self, record: Record) -> None:
        """Write the ledger and let go of the Lease, in one step.

        Raises:
            LockLostError: The Lease is no longer ours, and nothing was written.
        """
        with self._lock:
            self._put(record, holder="", cause=WriteCause.RELEASE)
            self.record = record

    def _put(self, record: Record, *, holder: str, cause: WriteCause) -> None:
        retry_on_conflict(
            lambda: self._put_once(record, holder=holder, cause=cause), clock=self._clock, random=self._random
        )

    def _put_once(self, record: Record, *, holder: str, cause: WriteCause) -> None:
        self.ensure_held()
        wanted = lease_body(
            self._body,
            record=record,
            holder=holder,
            epoch=self.epoch,
            duration_s=self._settings.duration_s,
            now=self._clock.now(),
            notes=self._notes,
        )
        sent_at = self._clock.monotonic()
        try:
            self._body = self._kube.replace(
                LEASES,
                namespace=wanted["metadata"]["namespace"],
                body=wanted,
                reason=self.write_reason(cause),
                guard=self.ensure_held,
            )
        except NotFoundError as error:
            self._lost = "the Lease was deleted while it was held"
            raise LockLostError(self._lost) from error
        except (ConflictError, UnavailableError) as error:
            if not self._was_applied(wanted, error=error):
                raise
        self._sent_at = sent_at

    def _was_applied(self, wanted: Json, *, error: Exception) -> bool:
        """Whether a write without a good answer took effect; if not, whether it may be sent again."""
        self._body = self._reread()
        spec = self._body.get("spec") or {}
        found = (spec.get("holderIdentity") or "", spec.get("leaseTransitions"))
        if found == (wanted["spec"]["holderIdentity"], self.epoch):
            same_record = (
                self._body["metadata"].get("annotations", {}).get(RECORD) == wanted["metadata"]["annotations"][RECORD]
            )
            if same_record and spec.get("renewTime") == wanted["spec"]["renewTime"]:
                return True
        if found != (self._holder, self.epoch):
            self._lost = f"the Lease is held by {found[0] or 'nobody'} in epoch {found[1]}"
            raise LockLostError(self._lost) from error
        return False

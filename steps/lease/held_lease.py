"""A held Lease: the right to act on its task.

Guarantees that nothing is written after the Lease is lost. Every write is a compare-and-swap. `ensure_held` fails after
the renew deadline, counted from when the last successful renewal was *sent*. After a lost answer, the Lease is read and
its holder and epoch are compared. Not guaranteed: renewal without calls. Callers renew with `renew_if_due`; no thread
does, because a thread would keep the Lease of a process that is stuck.
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
    """One fencing epoch of a task's Lease."""

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
        stored: Record | None,
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
        # Why the Lease is lost. A write would overwrite another holder's Lease.
        self._lost = ""
        self._lock = Lock()
        self._annotations: dict[str, str] = {}
        self.released = False
        self.epoch = epoch
        # The record before this epoch.
        self.stored = stored
        self.record = record

    @property
    def reference(self) -> ObjectReference:
        """The Lease as the object of an Event."""
        metadata = self._body["metadata"]
        return lease_reference(metadata["name"], uid=metadata["uid"], namespace=metadata["namespace"])

    def write_reason(self, cause: WriteCause, detail: str = "") -> WriteReason:
        """Create the reason of a write in this epoch."""
        return WriteReason(cause=cause, epoch=self.epoch, detail=detail)

    def ensure_held(self) -> None:
        """Fail if the Lease is lost. Cheap. Called right before every side effect, from any thread.

        Raises:
            LockLostError: The renew deadline is over, or another holder has the Lease.
        """
        if self._lost:
            raise LockLostError(self._lost)
        if self._clock.monotonic() - self._sent_at >= self._settings.renew_deadline_s:
            raise LockLostError(
                f"the Lease of epoch {self.epoch} was not renewed within {self._settings.renew_deadline_s:g} s"
            )

    def renew_if_due(self) -> None:
        """Renew the Lease if a renewal is due. Safe to call from several threads.

        Raises:
            LockLostError: The Lease is lost.
        """
        with self._lock:
            if self._clock.monotonic() - self._sent_at >= self._settings.renew_every_s:
                self._write(self.record, holder=self._holder, cause=WriteCause.RENEW)

    def annotation(self, name: str) -> str:
        """Return an annotation of the Lease; empty if it is not set."""
        return self._annotations.get(name) or (self._body["metadata"].get("annotations") or {}).get(name, "")

    def annotate(self, name: str, text: str) -> None:
        """Set an annotation of the Lease with the next write."""
        self._annotations[name] = text

    def write(self, record: Record) -> None:
        """Write the record, which also renews the Lease.

        Raises:
            LockLostError: The Lease is lost, and nothing was written.
        """
        with self._lock:
            self._write(record, holder=self._holder, cause=WriteCause.RECORD)
            self.record = record

    def release(self, record: Record) -> None:
        """Write the record and release the Lease, in one write. Nothing can be written after that.

        Raises:
            LockLostError: The Lease is lost, and nothing was written.
        """
        with self._lock:
            self._write(record, holder="", cause=WriteCause.RELEASE)
            self.record = record
            self._lost = f"the Lease of epoch {self.epoch} was released"
            self.released = True

    def _write(self, record: Record, *, holder: str, cause: WriteCause) -> None:
        retry_on_conflict(
            lambda: self._write_once(record, holder=holder, cause=cause), clock=self._clock, random=self._random
        )

    def _write_once(self, record: Record, *, holder: str, cause: WriteCause) -> None:
        self.ensure_held()
        wanted = lease_body(
            self._body,
            record=record,
            holder=holder,
            epoch=self.epoch,
            duration_s=self._settings.duration_s,
            now=self._clock.now(),
            annotations=self._annotations,
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
        """Whether a write was applied although its answer was lost or was an error. If not, a retry is safe.

        Raises:
            LockLostError: Another holder has the Lease.
        """
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
            state = f"is held by {found[0]}" if found[0] else "was released"
            self._lost = f"the Lease {state} in epoch {found[1]}"
            raise LockLostError(self._lost) from error
        return False

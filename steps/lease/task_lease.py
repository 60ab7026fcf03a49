"""The Lease of a task: lock, fencing epoch and record in one object.

Guarantees at most one holder per epoch: every write is a compare-and-swap on resourceVersion, and acquiring the Lease
raises its epoch, `leaseTransitions`. A Lease expires if this process sees no change for its duration, by its own
monotonic clock, so clock skew plays no part. Not guaranteed: that a paused holder notices at once that it lost the
Lease. Compare-and-swap, preconditions and epochs refuse its writes (steps.lease.held_lease,
steps.cancellation.state_update). This module never deletes a Lease, because that would lose the epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import ConflictError, LockBusyError, LockLostError, NotFoundError, UnavailableError, wait
from steps.kube import LEASES
from steps.lease.held_lease import HeldLease
from steps.lease.holder import is_holder_dead
from steps.lease.lease_object import lease_body, read_snapshot
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.core import Clock, TryAgainError
    from steps.domain import Record
    from steps.kube import Json, Kube
    from steps.lease.holder import Holder
    from steps.lease.lease_object import LeaseSnapshot
    from steps.settings import LeaseSettings


class TaskLease:
    """The Lease of one task, for one holder."""

    def __init__(
        self,
        *,
        kube: Kube,
        clock: Clock,
        random: Callable[[], float],
        settings: LeaseSettings,
        namespace: str,
        name: str,
        holder: Holder,
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._random = random
        self._settings = settings
        self._namespace = namespace
        self._name = name
        self._me = str(holder)
        self._seen: tuple[str, int, str] | None = None
        self._seen_at = 0.0

    def read(self) -> LeaseSnapshot | None:
        """Read the Lease; return None if it does not exist."""
        try:
            return read_snapshot(self._kube.get(LEASES, namespace=self._namespace, name=self._name))
        except NotFoundError:
            return None

    def acquire_free(
        self, snapshot: LeaseSnapshot | None, claim: Callable[[Record | None], Record | None]
    ) -> HeldLease | None:
        """Acquire the Lease in one attempt. Never waits.

        Args:
            snapshot: The Lease, as it was read; None if it does not exist.
            claim: As for `acquire`.

        Returns:
            The held Lease; None if `claim` returned None.

        Raises:
            LockBusyError: It is held, or it changed since it was read.
            UnavailableError: It could not be written.
            BadInputError: The record in the Lease is malformed.
        """
        if snapshot and snapshot.holder:
            raise LockBusyError(f"Lease {self._name} is held by {snapshot.holder}")
        stored = snapshot.record() if snapshot else None
        record = claim(stored)
        if record is None:
            return None
        try:
            return self._acquire_once(snapshot, stored=stored, record=record)
        except ConflictError as error:
            raise LockBusyError(f"Lease {self._name} was acquired by another holder") from error

    def acquire(self, claim: Callable[[Record | None], Record | None]) -> HeldLease | None:
        """Acquire the Lease. Waits while another live holder has it.

        Args:
            claim: Gets the current record and returns the record to write, or None to not acquire the Lease. Called
                again whenever the record may have changed. One write stores the record and the holder.

        Returns:
            The held Lease; None if `claim` returned None.

        Raises:
            LockBusyError: Another holder still had the Lease after `acquire_timeout_s`.
            UnavailableError: The Lease was free, but could not be written within `acquire_timeout_s`.
            BadInputError: The record in the Lease is malformed.
        """
        deadline = self._clock.monotonic() + self._settings.acquire_timeout_s
        while True:
            pause_s, problem = self._settings.retry_every_s * (1 + self._random() / 5), None
            snapshot = self.read()
            if snapshot is None or self._is_free(snapshot):
                stored = snapshot.record() if snapshot else None
                record = claim(stored)
                if record is None:
                    return None
                # Not around `claim`: if a dependency is down, it raises, and the wait ends.
                try:
                    return self._acquire_once(snapshot, stored=stored, record=record)
                except ConflictError:
                    pass  # another holder was faster
                except UnavailableError as error:
                    problem, pause_s = error, max(pause_s, error.retry_after_s or 0.0)
            if self._clock.monotonic() >= deadline:
                raise self._timeout_error(snapshot, problem) from problem
            wait(min(pause_s, max(deadline - self._clock.monotonic(), 0.0)), clock=self._clock)

    def _timeout_error(self, snapshot: LeaseSnapshot | None, problem: UnavailableError | None) -> TryAgainError:
        if problem:
            seconds = self._settings.acquire_timeout_s
            return UnavailableError(f"Lease {self._name} could not be written within {seconds:g} s: {problem}")
        holder = snapshot.holder if snapshot else "another holder"
        return LockBusyError(f"Lease {self._name} is held by {holder}: try again when it is released")

    def _is_free(self, snapshot: LeaseSnapshot) -> bool:
        if snapshot.holder in ("", self._me):
            return True
        seen = (snapshot.holder, snapshot.epoch, snapshot.renewed_at)
        if seen != self._seen:
            self._seen, self._seen_at = seen, self._clock.monotonic()
        elif self._clock.monotonic() - self._seen_at >= self._expires_after_s(snapshot):
            return True
        return is_holder_dead(snapshot.holder, kube=self._kube, namespace=self._namespace)

    def _expires_after_s(self, snapshot: LeaseSnapshot) -> float:
        """The duration in the Lease, within bounds, so that a Lease written by hand cannot last for years."""
        own = self._settings.duration_s
        return min(max(snapshot.duration_s or own, own), 2 * own)

    def _acquire_once(self, snapshot: LeaseSnapshot | None, *, stored: Record | None, record: Record) -> HeldLease:
        """Try once to acquire a free Lease.

        Raises:
            ConflictError: Another holder was faster.
            UnavailableError: The Lease could not be written.
        """
        epoch = (snapshot.epoch if snapshot else 0) + 1
        body = lease_body(
            snapshot.body if snapshot else {"metadata": {"name": self._name}},
            record=record,
            holder=self._me,
            epoch=epoch,
            duration_s=self._settings.duration_s,
            now=self._clock.now(),
            acquired=True,
        )
        sent_at = self._clock.monotonic()
        write = self._kube.replace if snapshot else self._kube.create
        reason = WriteReason(cause=WriteCause.ACQUIRE, epoch=epoch)
        try:
            # No guard before a retry: the API server applies the write only to the version that was read.
            acquired = write(LEASES, namespace=self._namespace, body=body, reason=reason, guard=lambda: None)
        except UnavailableError:
            # The write may have been applied although its answer was lost: compare holder and epoch.
            after = self.read()
            if after is None or (after.holder, after.epoch) != (self._me, epoch):
                raise
            acquired = after.body
        return self._held(acquired, stored=stored, record=record, epoch=epoch, sent_at=sent_at)

    def _held(self, body: Json, *, stored: Record | None, record: Record, epoch: int, sent_at: float) -> HeldLease:
        return HeldLease(
            kube=self._kube,
            clock=self._clock,
            random=self._random,
            settings=self._settings,
            reread=self._reread,
            body=body,
            holder=self._me,
            epoch=epoch,
            stored=stored,
            record=record,
            sent_at=sent_at,
        )

    def _reread(self) -> Json:
        snapshot = self.read()
        if snapshot is None:
            raise LockLostError(f"Lease {self._name} was deleted while it was held")
        return snapshot.body

"""The Lease of a task: lock, fencing token and ledger in one object.

Guarantees at most one holder per epoch, since every write is a compare-and-swap on resourceVersion and taking the Lease
raises `leaseTransitions`, the epoch. Expiry is judged by change that this process observed on its own monotonic clock,
so no clock skew can steal a live hold or keep a dead one. Does not guarantee that a holder which was paused notices at
once: what it then writes is refused by the compare-and-swap, by preconditions and by epochs (steps.lease.held_lease,
steps.cancellation.state_document). The Lease is never deleted here: a deleted Lease would lose its epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import (
    ConflictError,
    LockBusyError,
    LockLostError,
    NotFoundError,
    UnavailableError,
    parse_time,
    wait,
)
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
    """The Lease of one task, as one holder sees it."""

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
        """The Lease now; None if there never was one."""
        try:
            return read_snapshot(self._kube.get(LEASES, namespace=self._namespace, name=self._name))
        except NotFoundError:
            return None

    def adopt(self, snapshot: LeaseSnapshot) -> HeldLease | None:
        """Go on with the hold of an earlier container of this pod; None if the Lease is not ours (any more)."""
        record = snapshot.record()
        if snapshot.holder != self._me or record is None:
            return None
        age_s = self._age_s(snapshot)
        sent_at = self._clock.monotonic() - (age_s or 0.0)
        held = self._hold(snapshot.body, record=record, epoch=snapshot.epoch, sent_at=sent_at)
        if age_s is None:
            held.write(record)
        return held

    def _age_s(self, snapshot: LeaseSnapshot) -> float | None:
        """Seconds since an earlier container of this pod renewed; None if that cannot be told, or it is time to renew.

        The stamp is of this very machine's clock, which is the same for all containers of a pod. Should somebody have
        set it in between, compare-and-swap and epochs are still there.
        """
        try:
            age_s = (self._clock.now() - parse_time(snapshot.renewed_at)).total_seconds()
        except ValueError:
            return None
        return age_s if 0 <= age_s < self._settings.renew_every_s else None

    def acquire(self, claim: Callable[[Record | None], Record | None]) -> HeldLease | None:
        """Take the Lease, waiting while somebody alive holds it.

        Args:
            claim: Given the record as it stands, the record to take the Lease with, or None to leave it alone. Called
                again whenever the record may have changed; the record and the hold are written in one step.

        Returns:
            The hold, or None if `claim` declined.

        Raises:
            LockBusyError: Still held when `acquire_timeout_s` was over.
            UnavailableError: It was free, and could not be written until then.
            BadInputError: The Lease's record cannot be read.
        """
        deadline = self._clock.monotonic() + self._settings.acquire_timeout_s
        while True:
            pause_s, problem = self._settings.retry_every_s * (1 + self._random() / 5), None
            snapshot = self.read()
            if snapshot is None or self._is_free(snapshot):
                record = claim(snapshot.record() if snapshot else None)
                if record is None:
                    return None
                try:
                    return self._take(snapshot, record=record)
                except ConflictError:
                    pass  # somebody else was faster
                except UnavailableError as error:
                    problem, pause_s = error, max(pause_s, error.retry_after_s or 0.0)
            if self._clock.monotonic() >= deadline:
                raise self._not_taken(snapshot, problem) from problem
            wait(min(pause_s, max(deadline - self._clock.monotonic(), 0.0)), clock=self._clock)

    def _not_taken(self, snapshot: LeaseSnapshot | None, problem: UnavailableError | None) -> TryAgainError:
        if problem:
            seconds = self._settings.acquire_timeout_s
            return UnavailableError(f"Lease {self._name} could not be written within {seconds:g} s: {problem}")
        holder = snapshot.holder if snapshot else "somebody else"
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
        """The holder's own duration, within bounds: a Lease written by hand must not hold for years."""
        own = self._settings.duration_s
        return min(max(snapshot.duration_s or own, own), 2 * own)

    def _take(self, snapshot: LeaseSnapshot | None, *, record: Record) -> HeldLease:
        """One attempt to take a free Lease.

        Raises:
            ConflictError: Somebody else was faster.
            UnavailableError: The write was not taken.
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
            # No guard to ask before it is sent again: the write takes effect only on what was read.
            taken = write(LEASES, namespace=self._namespace, body=body, reason=reason, guard=lambda: None)
        except UnavailableError:
            # It may have been applied with the answer lost: the identity and the epoch tell.
            after = self.read()
            if after is None or (after.holder, after.epoch) != (self._me, epoch):
                raise
            taken = after.body
        return self._hold(taken, record=record, epoch=epoch, sent_at=sent_at)

    def _hold(self, body: Json, *, record: Record, epoch: int, sent_at: float) -> HeldLease:
        return HeldLease(
            kube=self._kube,
            clock=self._clock,
            random=self._random,
            settings=self._settings,
            reread=self._reread,
            body=body,
            holder=self._me,
            epoch=epoch,
            record=record,
            sent_at=sent_at,
        )

    def _reread(self) -> Json:
        snapshot = self.read()
        if snapshot is None:
            raise LockLostError(f"Lease {self._name} was deleted while it was held")
        return snapshot.body

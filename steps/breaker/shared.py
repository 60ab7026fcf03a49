"""The circuit breaker of one dependency, shared by all pods through one ConfigMap.

Guarantees: a closed circuit costs no request, because the ConfigMap is mounted as a file; an open one costs a step one
read; every change is a compare-and-swap, so two pods never probe at once; the result of a request that was sent before
the circuit opened neither closes nor extends it. If the ConfigMap is missing, unreadable or read-only, the step
continues without it, because a broken breaker must not stop cancellations.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.breaker.circuit import (
    after_failure,
    after_limit,
    after_success,
    is_closed,
    may_retry,
    open_seconds,
    opened_since,
    rate_limited_seconds,
    reserved,
    without_probe,
)
from steps.core import BreakerOpenError, RateLimitedError

if TYPE_CHECKING:
    from steps.breaker.circuit import Circuit
    from steps.breaker.store import CircuitStore
    from steps.core import Clock
    from steps.settings import BreakerSettings
    from steps.telemetry import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakers:
    """The circuit breakers of a step."""

    github: Breaker
    agents: Breaker


class Breaker:
    """The circuit of one dependency, as one step sees it. Threads may share it."""

    def __init__(self, store: CircuitStore, *, clock: Clock, settings: BreakerSettings, log: Log) -> None:
        """Keep what a circuit needs.

        Args:
            store: Reads and changes the circuit in the ConfigMap.
            clock: Wall-clock time.
            settings: Conditions and times of the circuit.
            log: Receives a line when the circuit opens or closes.
        """
        self._store = store
        self._dependency = store.dependency
        self._clock = clock
        self._settings = settings
        self._log = log
        # The circuit when a request was sent: of each thread that entered, or else of the last check.
        self._entered = threading.local()
        self._checked: Circuit | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the circuit is closed, as far as this process knows. Sends no request."""
        return is_closed(self._store.known)

    def enter(self) -> float:
        """Get permission to send a request, and remember the circuit for its result.

        While a rate limit is left, the caller waits and enters again. Only then a half-open circuit reserves a probe.

        Returns:
            Seconds to wait, because the dependency limits the rate of requests.

        Raises:
            BreakerOpenError: The dependency failed too often; try again later.
        """
        fresh = self._store.known if self._all_is_well() else self._store.change(self._probing)
        self._entered.circuit = fresh
        return rate_limited_seconds(fresh, now=self._clock.now(), settings=self._settings) if fresh else 0.0

    def check(self, *, patience_s: float) -> None:
        """Fail early: like `enter`, but long before the first request, and without a probe.

        Args:
            patience_s: The longest rate limit that the caller would wait for.

        Raises:
            BreakerOpenError: The dependency failed too often; try again later.
            RateLimitedError: A rate limit lasts longer than that.
        """
        fresh = self._store.known if self._all_is_well() else self._store.change(self._permitted)
        self._checked = fresh
        wait_s = rate_limited_seconds(fresh, now=self._clock.now(), settings=self._settings) if fresh else 0.0
        if wait_s > patience_s:
            raise RateLimitedError(f"{self._dependency} limits the rate of requests of all pods", retry_after_s=wait_s)

    def _all_is_well(self) -> bool:
        known = self._store.known
        limited_s = rate_limited_seconds(known, now=self._clock.now(), settings=self._settings)
        return is_closed(known) and not limited_s

    def failed(self) -> bool:
        """Report a failure; whether this pod may repeat the request.

        A request that was sent before the circuit opened does not extend it.
        """
        now = self._clock.now()

        def change(found: Circuit) -> Circuit:
            return found if self._is_late(found) else after_failure(found, now=now, settings=self._settings)

        after = self._store.change(change)
        if after is None:
            return True
        if not is_closed(after):
            self._log.warning("circuit breaker open", dependency=self._dependency, failures=after.failures)
        return may_retry(after, now=now, settings=self._settings)

    def limited(self, wait_s: float) -> None:
        """Report that the dependency asks all pods to wait. The probe of this pod ends."""
        now = self._clock.now()

        def change(found: Circuit) -> Circuit:
            after = after_limit(found, wait_s=wait_s, now=now, settings=self._settings)
            return after if self._is_late(found) else without_probe(after)

        self._store.change(change)

    def succeeded(self) -> None:
        """Report an answer. A request that was sent before the circuit opened does not close it."""
        if not self._store.known.failures:
            return
        was_open = False

        def change(found: Circuit) -> Circuit:
            nonlocal was_open
            was_open = not is_closed(found)
            return found if self._is_late(found) else after_success(found)

        after = self._store.change(change)
        if after and was_open and is_closed(after):
            self._log.info("circuit breaker closed", dependency=self._dependency)

    def _is_late(self, found: Circuit) -> bool:
        """Whether the request of this thread was sent before the circuit opened."""
        seen: Circuit | None = getattr(self._entered, "circuit", self._checked)
        return seen is not None and opened_since(seen, found)

    def _permitted(self, found: Circuit) -> Circuit:
        """Return the circuit as it is, unless it is open."""
        if left_s := open_seconds(found, now=self._clock.now(), settings=self._settings):
            raise BreakerOpenError(
                f"{self._dependency} failed {found.failures} times in a row: the circuit breaker stays open for "
                f"{left_s:.0f} s more",
                retry_after_s=left_s,
            )
        return found

    def _probing(self, found: Circuit) -> Circuit:
        """Return the circuit with a probe of this pod reserved, if one is due."""
        permitted, now = self._permitted(found), self._clock.now()
        limited = rate_limited_seconds(permitted, now=now, settings=self._settings)
        if is_closed(permitted) or limited:
            return permitted
        return reserved(permitted, now=now, settings=self._settings)

"""The breaker of one dependency, shared by all pods through one ConfigMap.

Guarantees: while all is well it costs no request, since the ConfigMap is mounted as a file; an open one costs a step
one read; every change is a compare-and-swap, so two pods never probe at once. It is advice: if the ConfigMap is
missing, unreadable or not to be written, the step carries on, because a broken breaker must not stop cancellations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.breaker.circuit import (
    after_failure,
    after_limit,
    after_success,
    dump_circuit,
    is_closed,
    may_retry,
    open_seconds,
    parse_circuit,
    rate_limited_seconds,
    reserved,
)
from steps.core import BreakerOpenError, ConflictError, RateLimitedError, StepError, backoff, retry
from steps.kube import CONFIG_MAPS
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steps.breaker.circuit import Circuit
    from steps.core import Clock
    from steps.kube import Json, Kube
    from steps.settings import BreakerSettings
    from steps.telemetry import Log

_ATTEMPTS, _FIRST_S = 5, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakers:
    """The breakers of a step."""

    github: Breaker
    agents: Breaker


def mounted_circuits(folder: Path) -> Callable[[str], str]:
    """Read the circuits from the folder where the ConfigMap is mounted; nothing if it is not there."""

    def read(dependency: str) -> str:
        try:
            return (folder / dependency).read_text()
        except (OSError, UnicodeDecodeError):
            return ""

    return read


class Breaker:
    """One dependency's circuit, as one step sees it."""

    def __init__(
        self,
        dependency: str,
        *,
        kube: Kube,
        clock: Clock,
        random: Callable[[], float],
        settings: BreakerSettings,
        namespace: str,
        mounted: Callable[[str], str],
        log: Log,
    ) -> None:
        """Know of a circuit.

        Args:
            dependency: Key in the ConfigMap.
            kube: The API server.
            clock: Wall-clock time.
            random: Uniform in [0, 1), for jitter.
            settings: When it opens, and for how long.
            namespace: Where the ConfigMap is.
            mounted: Reads the ConfigMap's key as it was when the pod started.
            log: Where a change is told.
        """
        self._dependency = dependency
        self._kube = kube
        self._clock = clock
        self._random = random
        self._settings = settings
        self._namespace = namespace
        self._mounted = mounted
        self._log = log
        self._known: Circuit | None = None

    @property
    def is_closed(self) -> bool:
        """Whether everybody may ask, as far as this process knows; asks nobody."""
        return is_closed(self._last_known())

    def enter(self) -> float:
        """Ask for permission to ask the dependency.

        Returns:
            Seconds to wait first, because the dependency has told some pod so.

        Raises:
            BreakerOpenError: It has failed too often; try again later.
        """
        if self._all_is_well():
            return 0.0
        fresh = self._change(self._probing)
        return rate_limited_seconds(fresh, now=self._clock.now(), settings=self._settings) if fresh else 0.0

    def check(self, *, patience_s: float) -> None:
        """Fail now rather than later: like `enter`, but long before anything is asked, and without reserving a probe.

        Args:
            patience_s: How long the caller would wait for a rate limit.

        Raises:
            BreakerOpenError: It has failed too often; try again later.
            RateLimitedError: It has told some pod to wait for longer than that.
        """
        if self._all_is_well():
            return
        fresh = self._change(self._permitted)
        wait_s = rate_limited_seconds(fresh, now=self._clock.now(), settings=self._settings) if fresh else 0.0
        if wait_s > patience_s:
            raise RateLimitedError(f"{self._dependency} has told another pod to wait", retry_after_s=wait_s)

    def _all_is_well(self) -> bool:
        known = self._last_known()
        limited_s = rate_limited_seconds(known, now=self._clock.now(), settings=self._settings)
        return is_closed(known) and not limited_s

    def failed(self) -> bool:
        """The dependency failed; whether this pod may try again by itself."""
        now = self._clock.now()
        after = self._change(lambda found: after_failure(found, now=now, settings=self._settings))
        if after is None:
            return True
        if not is_closed(after):
            self._log.warning("breaker open", dependency=self._dependency, failures=after.failures)
        return may_retry(after, now=now, settings=self._settings)

    def limited(self, wait_s: float) -> None:
        """The dependency asks everybody to wait so many seconds."""
        now = self._clock.now()
        self._change(lambda found: after_limit(found, wait_s=wait_s, now=now, settings=self._settings))

    def succeeded(self) -> None:
        """The dependency works."""
        if self._last_known().failures:
            self._change(after_success)
            self._log.info("breaker closed", dependency=self._dependency)

    def _permitted(self, found: Circuit) -> Circuit:
        """The circuit as it is, unless it is open."""
        if left_s := open_seconds(found, now=self._clock.now(), settings=self._settings):
            raise BreakerOpenError(
                f"{self._dependency} failed {found.failures} times in a row: not asked for {left_s:.0f} s more",
                retry_after_s=left_s,
            )
        return found

    def _probing(self, found: Circuit) -> Circuit:
        """The circuit with our probe reserved, if one is due."""
        permitted = self._permitted(found)
        if is_closed(permitted):
            return permitted
        return reserved(permitted, now=self._clock.now(), settings=self._settings)

    def _last_known(self) -> Circuit:
        if self._known is None:
            self._known = parse_circuit(self._mounted(self._dependency))
        return self._known

    def _change(self, change: Callable[[Circuit], Circuit]) -> Circuit | None:
        """Change the shared circuit; the new one, or None if there is none to be had.

        Raises:
            BreakerOpenError: `change` said so.
        """
        try:
            return retry(
                lambda: self._change_once(change),
                on=ConflictError,
                pauses=backoff(attempts=_ATTEMPTS, first_s=_FIRST_S, random=self._random),
                clock=self._clock,
            )
        except BreakerOpenError:
            raise
        except StepError as error:
            self._log.warning("breaker not readable: carrying on without", error=type(error).__name__)
            return None

    def _change_once(self, change: Callable[[Circuit], Circuit]) -> Circuit:
        stored = self._kube.get(CONFIG_MAPS, namespace=self._namespace, name=self._settings.config_map)
        found = parse_circuit((stored.get("data") or {}).get(self._dependency, ""))
        self._known = found
        wanted = change(found)
        if wanted != found:
            reason = WriteReason(cause=WriteCause.BREAKER, detail=self._dependency)
            body = self._body(stored, wanted)
            self._kube.replace(CONFIG_MAPS, namespace=self._namespace, body=body, reason=reason)
        self._known = wanted
        return wanted

    def _body(self, stored: Json, wanted: Circuit) -> Json:
        return stored | {"data": (stored.get("data") or {}) | {self._dependency: dump_circuit(wanted)}}

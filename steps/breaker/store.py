"""The stored form of a circuit: a key of a ConfigMap, mounted as a file and changed by compare-and-swap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.breaker.circuit import dump_circuit, parse_circuit
from steps.core import BreakerOpenError, ConflictError, StepError, backoff, retry
from steps.kube import CONFIG_MAPS
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from steps.breaker.circuit import Circuit
    from steps.core import Clock
    from steps.kube import Json, Kube
    from steps.telemetry import Log

_ATTEMPTS, _FIRST_S = 5, 0.1


def mounted_circuits(folder: Path) -> Callable[[str], str]:
    """Read the circuits from the folder where the ConfigMap is mounted. A missing file reads as an empty text."""

    def read(dependency: str) -> str:
        try:
            return (folder / dependency).read_text()
        except (OSError, UnicodeDecodeError):
            return ""

    return read


class CircuitStore:
    """The circuit of one dependency in the shared ConfigMap."""

    def __init__(
        self,
        dependency: str,
        *,
        kube: Kube,
        clock: Clock,
        random: Callable[[], float],
        namespace: str,
        config_map: str,
        mounted: Callable[[str], str],
        log: Log,
    ) -> None:
        """Keep what a change needs.

        Args:
            dependency: Key in the ConfigMap.
            kube: The API server.
            clock: Time, for pauses.
            random: Uniform in [0, 1), for jitter.
            namespace: Namespace of the ConfigMap.
            config_map: Name of the ConfigMap.
            mounted: Reads the ConfigMap's key as it was when the pod started.
            log: Receives a line when the ConfigMap cannot be used.
        """
        self.dependency = dependency
        self._kube = kube
        self._clock = clock
        self._random = random
        self._namespace = namespace
        self._config_map = config_map
        self._mounted = mounted
        self._log = log
        self._known: Circuit | None = None

    @property
    def known(self) -> Circuit:
        """The circuit as this process knows it; sends no request."""
        if self._known is None:
            self._known = parse_circuit(self._mounted(self.dependency))
        return self._known

    def change(self, change: Callable[[Circuit], Circuit]) -> Circuit | None:
        """Change the shared circuit and return it; None if it cannot be read or written.

        Args:
            change: Returns the new circuit; called again if another pod changed the circuit at the same moment.

        Raises:
            BreakerOpenError: `change` raised it.
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
            self._log.warning(
                "circuit breaker not readable or writable: the step continues without it", error=type(error).__name__
            )
            return None

    def _change_once(self, change: Callable[[Circuit], Circuit]) -> Circuit:
        stored = self._kube.get(CONFIG_MAPS, namespace=self._namespace, name=self._config_map)
        found = parse_circuit(_text(stored, self.dependency))
        self._known = found
        wanted = change(found)
        if wanted != found:
            reason = WriteReason(cause=WriteCause.BREAKER, detail=self.dependency)
            data = (stored.get("data") or {}) | {self.dependency: dump_circuit(wanted)}
            self._kube.replace(CONFIG_MAPS, namespace=self._namespace, body=stored | {"data": data}, reason=reason)
        self._known = wanted
        return wanted


def _text(stored: Json, key: str) -> str:
    text: str = (stored.get("data") or {}).get(key, "")
    return text

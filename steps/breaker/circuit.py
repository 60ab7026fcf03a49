"""The rules of a circuit breaker, of a retry budget and of a shared rate limit: pure functions over one small value.

All pods share one circuit for each dependency. Five failures in a row open it for half a minute. Then it is half-open:
one pod at a time reserves a probe and sends a request, and the result closes or opens the circuit. A rate limit ends a
probe without a result, and the next probe waits for the end of the limit. Time stamps come from the wall clocks of the
writers. A stamp that lies further ahead than the rules allow counts as past, so a wrong clock can make a circuit open
for too short a time, never for longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from steps.domain import Moment  # noqa: TC001 - pydantic reads the annotations at run time

if TYPE_CHECKING:
    from datetime import datetime

    from steps.settings import BreakerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The state of a dependency.

    Attributes:
        failures: Failures in a row, none of them longer than `window_s` after the one before.
        failed_at: The time of the last failure.
        open_until: End of the time in which no pod sends a request. Identifies the opening as well.
        probe_until: End of the time in which a pod may report the result of its probe.
        limited_until: End of the rate limit.
        window_at: Start of the window in which failures count against the retry budget.
        spent: Failures in that window.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    failures: int = 0
    failed_at: Moment | None = None
    open_until: Moment | None = None
    probe_until: Moment | None = None
    limited_until: Moment | None = None
    window_at: Moment | None = None
    spent: int = 0


_ADAPTER = TypeAdapter(Circuit)


def dump_circuit(circuit: Circuit) -> str:
    """Write a circuit as text."""
    return _ADAPTER.dump_json(circuit, exclude_defaults=True).decode()


def parse_circuit(text: str) -> Circuit:
    """Read a circuit. An unreadable text counts as a new circuit, because a broken breaker must not stop a step."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError:
        return Circuit()


def _left_s(until: datetime | None, *, now: datetime, at_most_s: float) -> float:
    """Return the seconds left until a stamp; 0 if it has passed, or lies further ahead than the rules allow."""
    left_s = (until - now).total_seconds() if until else 0.0
    return left_s if 0 < left_s <= at_most_s else 0.0


def open_seconds(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> float:
    """Return the seconds in which no pod may send a request; 0 if the circuit is closed, or a probe is due."""
    return max(
        _left_s(circuit.open_until, now=now, at_most_s=settings.open_s),
        _left_s(circuit.probe_until, now=now, at_most_s=settings.open_s),
    )


def is_closed(circuit: Circuit) -> bool:
    """Whether every pod may send requests."""
    return circuit.open_until is None


def rate_limited_seconds(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> float:
    """Return the seconds until the rate limit ends."""
    return _left_s(circuit.limited_until, now=now, at_most_s=settings.limit_s)


def may_retry(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> bool:
    """Whether a pod may repeat a request: the circuit is closed, and the pods have not spent their retry budget."""
    return is_closed(circuit) and (
        circuit.spent <= settings.retries or not _in_window(circuit, now=now, settings=settings)
    )


def _in_window(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> bool:
    return circuit.window_at is not None and 0 <= (now - circuit.window_at).total_seconds() < settings.window_s


def after_failure(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> Circuit:
    """Return the circuit after one more failure."""
    recent = circuit.failed_at is not None and abs((now - circuit.failed_at).total_seconds()) < settings.window_s
    failures = circuit.failures + 1 if recent else 1
    counted = _in_window(circuit, now=now, settings=settings)
    opened = failures >= settings.failures or not is_closed(circuit)
    return replace(
        circuit,
        failures=failures,
        failed_at=now,
        open_until=now + timedelta(seconds=settings.open_s) if opened else None,
        probe_until=None,
        window_at=circuit.window_at if counted else now,
        spent=circuit.spent + 1 if counted else 1,
    )


def after_success(circuit: Circuit) -> Circuit:
    """Return the circuit after a success: closed, without failures. The spent part of the budget stays spent."""
    return replace(circuit, failures=0, failed_at=None, open_until=None, probe_until=None)


def after_limit(circuit: Circuit, *, wait_s: float, now: datetime, settings: BreakerSettings) -> Circuit:
    """Return the circuit with a rate limit; the longest of several counts."""
    until = now + timedelta(seconds=min(wait_s, settings.limit_s))
    known = circuit.limited_until if rate_limited_seconds(circuit, now=now, settings=settings) else None
    return replace(circuit, limited_until=max(until, known) if known else until)


def reserved(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> Circuit:
    """Return the circuit with a probe reserved."""
    return replace(circuit, probe_until=now + timedelta(seconds=settings.open_s))


def without_probe(circuit: Circuit) -> Circuit:
    """Return the circuit after a probe that ended without a result: the next pod may probe."""
    return replace(circuit, probe_until=None)


def opened_since(seen: Circuit, found: Circuit) -> bool:
    """Whether a circuit opened after a request was sent.

    Args:
        seen: The circuit when the request was sent.
        found: The circuit now.
    """
    return not is_closed(found) and found.open_until != seen.open_until

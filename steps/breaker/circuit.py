"""The rules of a circuit breaker, of a retry budget and of a shared rate limit: pure functions over one small value.

One circuit per dependency, shared by all pods. Five failures in a row open it for half a minute; then one holder at a
time may try (a probe, reserved before it is made), and what comes of that closes or opens it again. Stamps are of the
writers' wall clocks, so no stamp is believed that lies further ahead than it could by its own rules: a clock that is
wrong makes a circuit open too short, never for longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from steps.settings import BreakerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """What is known of a dependency.

    Attributes:
        failures: Failures in a row, none of them longer than `window_s` after the one before.
        failed_at: When the last one was written down.
        open_until: Nobody asks before that.
        probe_until: Somebody tries, and has this long to say what came of it.
        limited_until: The dependency has asked everybody to wait.
        window_at: Start of the window in which failures count against the retry budget.
        spent: Failures in that window.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    failures: int = 0
    failed_at: datetime | None = None
    open_until: datetime | None = None
    probe_until: datetime | None = None
    limited_until: datetime | None = None
    window_at: datetime | None = None
    spent: int = 0


_ADAPTER = TypeAdapter(Circuit)


def dump_circuit(circuit: Circuit) -> str:
    """Write a circuit as text."""
    return _ADAPTER.dump_json(circuit, exclude_defaults=True).decode()


def parse_circuit(text: str) -> Circuit:
    """Read a circuit; what cannot be read is a circuit that knows nothing: a broken breaker stops nobody."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError:
        return Circuit()


def _left_s(until: datetime | None, *, now: datetime, at_most_s: float) -> float:
    """Seconds left until a stamp; 0 if it has passed, or lies further ahead than it could."""
    left_s = (until - now).total_seconds() if until else 0.0
    return left_s if 0 < left_s <= at_most_s else 0.0


def open_seconds(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> float:
    """Seconds for which nobody may ask; 0 if the circuit is closed, or may be probed."""
    return max(
        _left_s(circuit.open_until, now=now, at_most_s=settings.open_s),
        _left_s(circuit.probe_until, now=now, at_most_s=settings.open_s),
    )


def is_closed(circuit: Circuit) -> bool:
    """Everybody may ask."""
    return circuit.open_until is None


def rate_limited_seconds(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> float:
    """Seconds that the dependency has asked everybody to wait."""
    return _left_s(circuit.limited_until, now=now, at_most_s=settings.limit_s)


def may_retry(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> bool:
    """Whether the same pod may try again by itself: the circuit is closed, and the budget of all pods is not spent."""
    return is_closed(circuit) and (
        circuit.spent <= settings.retries or not _in_window(circuit, now=now, settings=settings)
    )


def _in_window(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> bool:
    return circuit.window_at is not None and 0 <= (now - circuit.window_at).total_seconds() < settings.window_s


def after_failure(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> Circuit:
    """One more failure."""
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
    """It works: closed, and no failures in a row. What is spent of the budget stays spent."""
    return replace(circuit, failures=0, failed_at=None, open_until=None, probe_until=None)


def after_limit(circuit: Circuit, *, wait_s: float, now: datetime, settings: BreakerSettings) -> Circuit:
    """The dependency asks to wait; the longest wait counts."""
    until = now + timedelta(seconds=min(wait_s, settings.limit_s))
    known = circuit.limited_until if rate_limited_seconds(circuit, now=now, settings=settings) else None
    return replace(circuit, limited_until=max(until, known) if known else until)


def reserved(circuit: Circuit, *, now: datetime, settings: BreakerSettings) -> Circuit:
    """Somebody is about to probe."""
    return replace(circuit, probe_until=now + timedelta(seconds=settings.open_s))

"""Spans of a step and its requests. The step collects them in memory, and sends them once when it ends.

Guarantees that tracing neither fails nor delays the work: a span is a few numbers in memory, the library that sends
spans is imported at the end (steps.telemetry.otlp), and sending stops after a second. If tracing is off, it collects
nothing and imports nothing. A span has a name from a small set, the verb, the kind of object and the status; never an
address, an object's name or a body. Not guaranteed: the spans of a killed process.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from threading import Lock, Thread
from typing import TYPE_CHECKING

from steps.telemetry.spans import Span, Trace
from steps.telemetry.trace_context import trace_context_from_env

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from steps.core import Clock
    from steps.telemetry.log import Log
    from steps.telemetry.spans import SpanAttribute
    from steps.telemetry.trace_context import TraceContext

# OpenTelemetry's standard variable for the collector's address. Empty or missing switches tracing off.
TRACING_ENDPOINT_ENV = "OTEL_EXPORTER_OTLP_ENDPOINT"
# Longest wait for the collector when a container ends. It delays the end of the pod.
FLUSH_S = 1.0
_MAX_SPANS = 2000
_NANO = 1_000_000_000


class Tracer:
    """The spans of one process."""

    def __init__(
        self,
        *,
        clock: Clock,
        context: TraceContext | None,
        export: Callable[[Trace], Callable[[], bool]] | None,
        random: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        """Create a tracer.

        Args:
            clock: The clock.
            context: The trace that this process is part of; None to start a new trace.
            export: Creates the function that sends the spans and returns whether it succeeded; None: tracing is off.
            random: Creates hexadecimal digits for a number of bytes.
        """
        self._clock = clock
        self._export = export
        self._random = random
        self._lock = Lock()
        self.context = context
        self.is_on = export is not None and (context is None or context.sampled)
        self.trace_id = context.trace_id if context else (random(16) if self.is_on else "")
        self.root_id = random(8) if self.is_on else ""
        self.spans: list[Span] = []
        self.dropped = 0
        self._attributes: dict[str, SpanAttribute] = {}

    def ids(self) -> dict[str, str]:
        """Return the trace's ids for each log line; empty without a trace."""
        ids = {"trace_id": self.trace_id, "span_id": self.root_id}
        ids["parent_id"] = self.context.parent_id if self.context else ""
        return {name: value for name, value in ids.items() if value}

    def set_attributes(self, **attributes: SpanAttribute) -> None:
        """Set attributes of the step's span."""
        self._attributes |= attributes

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Open the span of the process, the parent of all others."""
        if not self.is_on:
            yield
            return
        parent = self.context.parent_id if self.context else ""
        span = Span(name=f"step {name}", span_id=self.root_id, parent_id=parent, start_ns=self._now())
        with self._timed(span):
            yield

    @contextmanager
    def request(self, name: str, **attributes: SpanAttribute) -> Iterator[Span | None]:
        """Open the span of a request.

        Args:
            name: From a small set, because collectors index each name.
            attributes: Small values without secrets.
        """
        if not self.is_on:
            yield None
            return
        span = Span(name=name, span_id=self._random(8), parent_id=self.root_id, start_ns=self._now(), is_request=True)
        span.attributes |= attributes
        with self._timed(span):
            yield span

    @contextmanager
    def _timed(self, span: Span) -> Iterator[None]:
        began = self._clock.monotonic()
        try:
            yield
        except BaseException as error:
            span.error = type(error).__name__
            raise
        finally:
            span.end_ns = span.start_ns + round((self._clock.monotonic() - began) * _NANO)
            if not span.is_request:
                span.attributes |= self._attributes
            with self._lock:
                # The step's own span comes last, and is always kept.
                if len(self.spans) < _MAX_SPANS or not span.is_request:
                    self.spans.append(span)
                else:
                    self.dropped += 1

    def _trace(self) -> Trace:
        state = self.context.state if self.context else ""
        return Trace(trace_id=self.trace_id, state=state, spans=tuple(self.spans), dropped=self.dropped)

    def _now(self) -> int:
        return round(self._clock.now().timestamp() * _NANO)

    def flush(self, *, log: Log, within_s: float = FLUSH_S) -> None:
        """Send the spans. Never fails. Takes at most `within_s`, besides the import of the library."""
        if not self.is_on or self._export is None or not self.spans:
            return
        sent: list[bool] = []
        try:
            send = self._export(self._trace())
        except ImportError:
            log.warning(
                "could not send traces: the image has no tracing library, build it with make image EXTRAS=tracing"
            )
            return
        except Exception as error:  # noqa: BLE001 - a trace must not fail a cancellation
            log.warning("could not send traces", error=type(error).__name__)
            return
        worker = Thread(target=_send_safely, args=(send, sent), daemon=True, name="traces")
        worker.start()
        worker.join(within_s)
        if not any(sent):
            log.warning("the collector did not accept the traces", spans=len(self.spans), in_time=not worker.is_alive())


def _send_safely(send: Callable[[], bool], sent: list[bool]) -> None:
    try:
        sent.append(send())
    except Exception:  # noqa: BLE001 - its text could quote a header; the caller logs the failure
        sent.append(False)


class _NoClock:
    """A clock that must not be used."""

    def now(self) -> None:
        raise AssertionError

    monotonic = sleep = now


TRACING_OFF = Tracer(clock=_NoClock(), context=None, export=None)  # type: ignore[arg-type]


def tracer_from_env(env: Mapping[str, str], *, clock: Clock) -> Tracer:
    """Create the tracer from the environment."""
    on = bool(env.get(TRACING_ENDPOINT_ENV))
    return Tracer(clock=clock, context=trace_context_from_env(env), export=_sender if on else None)


def _sender(trace: Trace) -> Callable[[], bool]:
    # Imported at the very end, so that no cancellation waits for the import.
    from steps.telemetry.otlp import span_sender  # noqa: PLC0415

    return span_sender(trace, timeout_s=FLUSH_S)

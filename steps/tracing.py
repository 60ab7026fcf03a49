"""Spans: what a step did and how long each request took, noted while it works and sent once at its end.

Guarantees that tracing neither fails nor delays the work: a span is a few numbers in memory, the library that sends
them is imported at the end (steps.otlp), and the sending is given up after a second, whatever the collector does. Off,
it notes nothing and imports nothing. A span has a name out of a small set, the verb, the kind of object and the status:
no address, no name of an object, no body. Not guaranteed: the spans of a process that is killed.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TYPE_CHECKING

from steps import tracecontext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from steps.clock import Clock
    from steps.kube import Json, Response, Transport
    from steps.log import Log
    from steps.tracecontext import TraceContext

# The standard variable of OpenTelemetry: where the collector is. Empty or missing switches tracing off.
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
# Longest wait for the collector, at the end of a container: the pod's second one starts this much later.
FLUSH_S = 1.0
_MAX_SPANS = 2000
_NANO = 1_000_000_000

Attribute = str | int


@dataclass(slots=True, kw_only=True)
class Span:
    """Something that took time.

    Attributes:
        parent_id: Span that it is part of; empty for none.
        start_ns: Since the epoch.
        is_request: Whether it is a request that we sent.
        error: Type of the error that it ended with; empty for none.
    """

    name: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int = 0
    is_request: bool = False
    error: str = ""
    attributes: dict[str, Attribute] = field(default_factory=dict)


class Tracer:
    """The spans of one process."""

    def __init__(
        self,
        *,
        clock: Clock,
        context: TraceContext | None,
        export: Callable[[Tracer], Callable[[], bool]] | None,
        random: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        """Know where the spans belong.

        Args:
            clock: Time.
            context: The trace that this process is part of; None for one of its own.
            export: Given this, what sends the spans and says whether that worked; None if nothing is to be noted.
            random: Hexadecimal digits for so many bytes.
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
        self._notes: dict[str, Attribute] = {}

    def ids(self) -> dict[str, str]:
        """What each line of the log says of the trace: nothing if there is none."""
        ids = {"trace_id": self.trace_id, "span_id": self.root_id}
        ids["parent_id"] = self.context.parent_id if self.context else ""
        return {name: value for name, value in ids.items() if value}

    def note(self, **attributes: Attribute) -> None:
        """Say something of the process as a whole."""
        self._notes |= attributes

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The span of the process, which all others are part of."""
        if not self.is_on:
            yield
            return
        parent = self.context.parent_id if self.context else ""
        span = Span(name=f"step {name}", span_id=self.root_id, parent_id=parent, start_ns=self._now())
        with self._timed(span):
            yield

    @contextmanager
    def request(self, name: str, **attributes: Attribute) -> Iterator[Span | None]:
        """The span of a request.

        Args:
            name: Out of a small set, for each is a series in somebody's index.
            attributes: Small and without secrets.
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
                span.attributes |= self._notes
            with self._lock:
                # The process's own span comes last, and is always wanted.
                if len(self.spans) < _MAX_SPANS or not span.is_request:
                    self.spans.append(span)
                else:
                    self.dropped += 1

    def _now(self) -> int:
        return round(self._clock.now().timestamp() * _NANO)

    def flush(self, *, log: Log, within_s: float = FLUSH_S) -> None:
        """Send what was noted. Never fails, and takes no longer than `within_s` besides the import of the library."""
        if not self.is_on or self._export is None or not self.spans:
            return
        sent: list[bool] = []
        try:
            send = self._export(self)
        except ImportError:
            log.warning("no traces: the image was built without them (make image EXTRAS=tracing)")
            return
        except Exception as error:  # noqa: BLE001 - a trace is never worth a cancellation
            log.warning("no traces", error=type(error).__name__)
            return
        worker = Thread(target=_guarded, args=(send, sent), daemon=True, name="traces")
        worker.start()
        worker.join(within_s)
        if not any(sent):
            log.warning("the collector took no traces", spans=len(self.spans), in_time=not worker.is_alive())


def _guarded(send: Callable[[], bool], sent: list[bool]) -> None:
    try:
        sent.append(send())
    except Exception:  # noqa: BLE001 - its text could quote a header; the caller says that nothing was sent
        sent.append(False)


class _Untimed:
    """A clock that is never asked."""

    def now(self) -> None:
        raise AssertionError

    monotonic = sleep = now


OFF = Tracer(clock=_Untimed(), context=None, export=None)  # type: ignore[arg-type]


def from_env(env: Mapping[str, str], *, clock: Clock) -> Tracer:
    """The tracer that the environment asks for."""
    on = bool(env.get(ENDPOINT))
    return Tracer(clock=clock, context=tracecontext.from_env(env), export=_sender if on else None)


def _sender(tracer: Tracer) -> Callable[[], bool]:
    # Imported at the very end: it costs what no cancellation has to wait for.
    from steps import otlp  # noqa: PLC0415

    return otlp.sender(tracer, timeout_s=FLUSH_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedTransport:
    """A transport to the API server whose requests are spans."""

    inner: Transport
    tracer: Tracer

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Send one request."""
        resource = _plural(target)
        with self.tracer.request(f"kubernetes {method} {resource}", **{"http.request.method": method}) as span:
            answer = self.inner.send(method=method, target=target, headers=headers, body=body, timeout_s=timeout_s)
            if span:
                span.attributes["http.response.status_code"] = answer.status
        return answer


def traced(transport: Transport, tracer: Tracer) -> Transport:
    """The transport, with spans if they are wanted."""
    return TracedTransport(inner=transport, tracer=tracer) if tracer.is_on else transport


def _plural(target: str) -> str:
    """The kind of object in a path of the API server."""
    _, _, rest = target.partition("?")[0].partition("/namespaces/")
    return [*rest.split("/"), "", ""][1] or "other"


# What is asked of GitHub; anything else is one name, so that there are few.
_GITHUB = ("access_tokens", "labels", "comments", "pulls", "activity", "user")


def github_name(verb: str, path: str) -> str:
    """Name of the span of a request to GitHub."""
    parts = path.strip("/").split("/")
    asked = parts[3:] if parts[0] == "repos" else parts
    return f"github {verb} {next((each for each in _GITHUB if each in asked), 'other')}"

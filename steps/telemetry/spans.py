"""The data of spans and traces."""

from __future__ import annotations

from dataclasses import dataclass, field

SpanAttribute = str | int


@dataclass(slots=True, kw_only=True)
class Span:
    """One operation with its start and end.

    Attributes:
        parent_id: The parent span; empty without one.
        start_ns: Nanoseconds since the Unix epoch.
        is_request: Whether it is a request that the step sent.
        error: Type of the error that ended it; empty without one.
    """

    name: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int = 0
    is_request: bool = False
    error: str = ""
    attributes: dict[str, SpanAttribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The spans of one process.

    Attributes:
        trace_id: 32 hexadecimal digits.
        state: `tracestate`, unchanged; empty without one.
        dropped: Number of spans beyond the limit, which were not kept.
    """

    trace_id: str
    state: str
    spans: tuple[Span, ...]
    dropped: int

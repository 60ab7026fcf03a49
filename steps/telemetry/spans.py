"""A span: something that took time, with a name out of a small set."""

from __future__ import annotations

from dataclasses import dataclass, field

SpanAttribute = str | int


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
    attributes: dict[str, SpanAttribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The spans of one process, as they are sent.

    Attributes:
        trace_id: 32 hexadecimal digits.
        state: `tracestate`, passed on as it came; empty if there was none.
        dropped: Spans that were not kept, since there were too many.
    """

    trace_id: str
    state: str
    spans: tuple[Span, ...]
    dropped: int

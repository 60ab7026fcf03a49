"""Sending spans to a collector over OTLP/HTTP, with OpenTelemetry's own exporter.

Imported only at the end of a step that is traced; needs the extra `tracing`. Guarantees that what the exporter has to
say about failures stays out of the log, since it could quote an address or a header.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.tracing import Span, Tracer

SERVICE = "agent-cancellation"
_SCOPE = InstrumentationScope("steps")


def sender(tracer: Tracer, *, timeout_s: float) -> Callable[[], bool]:
    """What sends all spans in one request, and says whether they were taken.

    Args:
        tracer: What was noted.
        timeout_s: How long the exporter may try, in seconds; address and headers it takes from OTEL_* by itself.
    """
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    session = requests.Session()
    session.trust_env = False  # a collector is in the cluster: no proxy of the pod's environment leads there
    exporter = OTLPSpanExporter(timeout=timeout_s, session=session)
    resource = Resource({"service.name": SERVICE, "dropped_spans": tracer.dropped})
    spans = [_readable(span, tracer=tracer, resource=resource) for span in tracer.spans]

    def send() -> bool:
        return exporter.export(spans) is SpanExportResult.SUCCESS

    return send


def _readable(span: Span, *, tracer: Tracer, resource: Resource) -> ReadableSpan:
    failed = Status(StatusCode.ERROR) if span.error else Status(StatusCode.UNSET)
    return ReadableSpan(
        name=span.name,
        context=_context(span.span_id, tracer=tracer, is_remote=False),
        parent=_context(span.parent_id, tracer=tracer, is_remote=not span.is_request) if span.parent_id else None,
        resource=resource,
        attributes=span.attributes | ({"error.type": span.error} if span.error else {}),
        kind=SpanKind.CLIENT if span.is_request else SpanKind.INTERNAL,
        status=failed,
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=_SCOPE,
    )


def _context(span_id: str, *, tracer: Tracer, is_remote: bool) -> SpanContext:
    state = tracer.context.state if tracer.context else ""
    return SpanContext(
        trace_id=int(tracer.trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([state]) if state else None,
    )

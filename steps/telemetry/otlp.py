"""Sends spans to a collector over OTLP/HTTP with OpenTelemetry's exporter.

Imported only when a traced step ends; needs the extra `tracing`. Guarantees that the exporter's own messages stay out
of the log, because they could quote an address or a header.
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

    from steps.telemetry.spans import Span, Trace

SERVICE = "agent-cancellation"
_SCOPE = InstrumentationScope("steps")


def span_sender(trace: Trace, *, timeout_s: float) -> Callable[[], bool]:
    """Create the function that sends all spans in one request and returns whether the collector accepted them.

    Args:
        trace: The trace with its spans.
        timeout_s: Timeout of the exporter in seconds. It reads address and headers from OTEL_*.
    """
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    session = requests.Session()
    session.trust_env = False  # the collector is in the cluster, so ignore proxy variables of the pod
    exporter = OTLPSpanExporter(timeout=timeout_s, session=session)
    resource = Resource({"service.name": SERVICE, "dropped_spans": trace.dropped})
    spans = [_readable(span, trace=trace, resource=resource) for span in trace.spans]

    def send() -> bool:
        return exporter.export(spans) is SpanExportResult.SUCCESS

    return send


def _readable(span: Span, *, trace: Trace, resource: Resource) -> ReadableSpan:
    failed = Status(StatusCode.ERROR) if span.error else Status(StatusCode.UNSET)
    return ReadableSpan(
        name=span.name,
        context=_context(span.span_id, trace=trace, is_remote=False),
        parent=_context(span.parent_id, trace=trace, is_remote=not span.is_request) if span.parent_id else None,
        resource=resource,
        attributes=span.attributes | ({"error.type": span.error} if span.error else {}),
        kind=SpanKind.CLIENT if span.is_request else SpanKind.INTERNAL,
        status=failed,
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=_SCOPE,
    )


def _context(span_id: str, *, trace: Trace, is_remote: bool) -> SpanContext:
    return SpanContext(
        trace_id=int(trace.trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState.from_header([trace.state]) if trace.state else None,
    )

"""A collector of OpenTelemetry on the loopback interface: it decodes what it is sent, by OpenTelemetry's own schema.

Guarantees that each request was OTLP/HTTP in protobuf to `/v1/traces`; anything else is answered as a collector would,
with an error. A test can make it answer badly, or never.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span  # noqa: TC002 - as in all tests

KIND = "application/x-protobuf"


@dataclass(slots=True, kw_only=True)
class Collector:
    """What was received.

    Attributes:
        status: What it answers with.
        silent: Set while it answers nothing at all.
        asked: Set once there was a request.
        released: Ends the wait of those that get no answer.
    """

    url: str = ""
    status: int = 200
    silent: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def spans(self) -> list[Span]:
        """All spans, in the order in which they came."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def attributes(span: Span) -> dict[str, str | int]:
    """A span's attributes."""
    return {
        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
        for each in span.attributes
    }


class _Server(ThreadingHTTPServer):
    # Joined at the end, so that a leaked handler shows up as a hanging test.
    daemon_threads = False

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        collector = cast("_Server", self.server).collector
        body = self.rfile.read(int(self.headers["content-length"]))
        collector.asked.set()
        if collector.silent.is_set():
            collector.released.wait(20)
            return
        self._answer(*self._taken(body, collector=collector))

    def _taken(self, body: bytes, *, collector: Collector) -> tuple[int, bytes]:
        if self.path != "/v1/traces":
            return 404, b""
        if self.headers["content-type"] != KIND:
            return 415, b""
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        try:
            request = ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            return 400, b""
        collector.bodies.append(body)
        if collector.status == 200:
            collector.requests.append(request)
        return collector.status, ExportTraceServiceResponse().SerializeToString()

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response_only(status)
        self.send_header("content-type", KIND)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:  # noqa: ANN401 - the base class's signature
        """Stay silent."""


@contextmanager
def serve() -> Iterator[Collector]:
    """Serve a collector."""
    collector = Collector()
    server = _Server(collector)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        collector.released.set()
        server.shutdown()
        thread.join()
        server.server_close()

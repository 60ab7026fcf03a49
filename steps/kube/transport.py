"""The transport to the API server: the protocol, the answer, and a transport that records spans.

A span has the verb, the kind of object and the status. It has no address, no name of an object and no body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.telemetry import Tracer


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedTransport:
    """A transport that records a span for each request."""

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


def traced_transport(transport: Transport, tracer: Tracer) -> Transport:
    """Return the transport, with spans if tracing is on."""
    return TracedTransport(inner=transport, tracer=tracer) if tracer.is_on else transport


def _plural(target: str) -> str:
    """Return the kind of object in a path of the API server."""
    _, _, rest = target.partition("?")[0].partition("/namespaces/")
    return [*rest.split("/"), "", ""][1] or "other"


Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Carries one request to the API server. Raises UnavailableError if there is no answer."""

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Send `body` as JSON to `target` (path and query)."""
        ...

"""Requests and responses as plain values, so that the double can be driven with and without sockets.

Guarantees: nothing here performs I/O; a request's headers are looked up without regard to case.
Not guaranteed: that a header or a query parameter occurs once; the last one wins.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TYPE_JSON = "application/json"
JsonObject = dict[str, Any]


class ConnectionLostError(ConnectionResetError):
    """The connection ended without an answer: the caller cannot know whether the request took effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str, default: str = "") -> str:
        """Return a header's value whatever the case of its name."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), default)

    def flag(self, name: str) -> bool:
        """Tell whether a boolean query parameter is on."""
        return self.query.get(name, "").lower() in {"1", "t", "true"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP answer; a watch carries its events in `stream` instead of `body`."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": TYPE_JSON})
    stream: Iterator[bytes] | None = None

    def json(self) -> Any:  # noqa: ANN401 - JSON is any value
        """Decode the body."""
        return json.loads(self.body)


def make_request(
    *, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | JsonObject | list[Any] = b""
) -> Request:
    """Build a request from a target as it stands in a request line, and a body given as bytes or as JSON."""
    parts = urlsplit(target)
    return Request(
        method=method.upper(),
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers or {},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


def answer(*, status: int, body: JsonObject, headers: Mapping[str, str] | None = None) -> Response:
    """Build a JSON response."""
    return Response(
        status=status,
        body=json.dumps(body, separators=(",", ":")).encode(),
        headers={"Content-Type": TYPE_JSON, **(headers or {})},
    )

"""The messages: requests, responses, GitHub's error answers, and the record of each call.

Guarantees: a recorded call never contains a credential. Does not: parse HTTP; that is the server's business.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC_URL = "https://api.github.com"
DOCS = "https://docs.github.com/rest"


class ConnectionDropped(ConnectionError):  # noqa: N818 - it is something that happens, not a mistake
    """The connection ends without an answer; whether the effect took place is for the caller to find out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; `path` is still percent-encoded and has no query."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base_url: str = PUBLIC_URL

    def header(self, name: str) -> str | None:
        """Return a header; its name is compared without case."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), None)

    def parameters(self) -> dict[str, str]:
        """Give the query's parameters; the last one wins, as at GitHub."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def json(self) -> Any:  # noqa: ANN401 - a client may send any JSON
        """Decode the body.

        Raises:
            ApiError: 400, in GitHub's words.
        """
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ApiError(status=400, message="Problems parsing JSON") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response with lower-case header names."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:  # noqa: ANN401 - tests look into arbitrary JSON
        """Decode the body; an empty body is None."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one request did. `status` is what the client saw: None when the connection dropped."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int | None
    effect_status: int | None
    """What the operation itself answered; None when a fault kept it from running."""
    principal: str | None
    """Who asked, such as `user:alice` or `installation:7`; None for anonymous or refused credentials."""
    at: float

    @property
    def is_write(self) -> bool:
        """Say whether the request could change anything."""
        return self.method not in {"GET", "HEAD"}


class ApiError(Exception):
    """An error answer in GitHub's shape."""

    def __init__(
        self,
        *,
        status: int,
        message: str,
        documentation: str = "",
        errors: list[Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.documentation = documentation
        self.errors = errors
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Render as GitHub does: message, documentation_url, and the status as a string."""
        body: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            body["errors"] = self.errors
        body["documentation_url"] = DOCS + self.documentation
        body["status"] = str(self.status)
        return json_response(status=self.status, content=body, headers=self.headers)


def json_response(*, status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """Render a JSON answer."""
    return Response(
        status=status,
        headers={"content-type": "application/json; charset=utf-8", **(headers or {})},
        body=json.dumps(content, separators=(",", ":")).encode(),
    )


def not_found(*, message: str = "Not Found", documentation: str = "") -> ApiError:
    """Build the answer for what does not exist or must not be seen to exist."""
    return ApiError(status=404, message=message, documentation=documentation)


def invalid(*, resource: str, field_name: str, code: str, message: str = "Validation Failed") -> ApiError:
    """Build the answer to a well-formed request with unusable values."""
    problem = {"resource": resource, "field": field_name, "code": code}
    return ApiError(status=422, message=message, errors=[problem])

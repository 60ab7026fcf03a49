"""The Kubernetes double, without sockets: as the steps' transport, and for the platform's controllers.

Guarantees that a request is the same as over HTTP. Not covered: connections, recording, faults of the controllers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from email.utils import format_datetime
from typing import Any

from steps.core.errors import UnavailableError
from steps.kube.transport import Json, Response
from tests.doubles.kubernetes import ApiServer, ConnectionLostError, make_request
from tests.doubles.platform.client import Client, Reply


class InProcess:
    """The Kubernetes double as the steps' transport."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    def send(
        self, *, method: str, target: str, headers: Mapping[str, str], body: Json | None, timeout_s: float
    ) -> Response:
        """Hand a request over."""
        del timeout_s
        request = make_request(
            method=method, target=target, headers=headers, body=json.dumps(body).encode() if body is not None else b""
        )
        try:
            answer = self._api.handle(request)
        except ConnectionLostError as error:
            raise UnavailableError(f"{method} {target}: connection lost") from error
        names = {name.lower(): value for name, value in answer.headers.items()}
        names.setdefault("date", format_datetime(self._api._clock(), usegmt=True))
        return Response(status=answer.status, headers=names, body=answer.body)


class LocalClient(Client):
    """The platform's controllers' client, without sockets, recording or faults."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - JSON is any value
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Reply:
        """Hand a request over."""
        request = make_request(
            method=method,
            target=path,
            headers={"Content-Type": content_type, "Accept": accept},
            body=b"" if body is None else json.dumps(body).encode(),
        )
        answer = self._api.respond(replace(request, query=query or {}))
        text = answer.body.decode()
        return Reply(
            status=answer.status, text=text, body=json.loads(text) if text[:1] in "{[" else None, headers=answer.headers
        )

"""Argo Server as a cluster, through Hera's service, with the variables of the `argo` command (ARGO_SERVER and others).

Guarantees a time-out for every request, and a `StepError` for every error of the server, and for every answer of an
ingress in its place; no error quotes a document. HTTPS_PROXY, NO_PROXY and
REQUESTS_CA_BUNDLE count. Does not use Hera's `wait`: it treats a Workflow that waits for a lock as ended, and has no
time-out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from hera.workflows import WorkflowsService
from hera.workflows import models as m

from steps.core import (
    BadInputError,
    CertificateError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
    describe_body,
    header_seconds,
    is_header_value,
    read_json,
)
from steps.github import Connection, certificate_problem, environment_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]

_TIMEOUT_S = 15.0
_MAX_MESSAGE = 200
_REFUSALS = {404: NotFoundError, 409: ConflictError}


class _Session(requests.Session):
    """A session with a time-out for every request, and a check of every answer."""

    def request(self, method: str, url: str | bytes, **more: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 - the library's
        """Send a request; add the time-out if the caller gives none."""
        return _checked(super().request(method, url, **({"timeout": _TIMEOUT_S} | more)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoServer:
    """A cluster behind Argo Server."""

    service: WorkflowsService
    namespace: str

    def create(self, workflow: Json) -> Json:
        """Create a Workflow."""
        request = m.WorkflowCreateRequest(workflow=m.Workflow.model_validate(workflow))
        return _workflow(_request(lambda: self.service.create_workflow(request, namespace=self.namespace)))

    def get(self, name: str) -> Json:
        """Read a Workflow."""
        return _workflow(_request(lambda: self.service.get_workflow(name, namespace=self.namespace)), name=name)

    def version(self) -> str:
        """Read Argo's version."""
        return str(_request(self.service.get_version)["version"])


def connect_argo_server(env: Mapping[str, str], *, namespace: str) -> ArgoServer:
    """Connect with the variables of the `argo` command.

    Args:
        env: ARGO_SERVER (host:port), ARGO_TOKEN, ARGO_SECURE, ARGO_INSECURE_SKIP_VERIFY, ARGO_BASE_HREF.
        namespace: Namespace of the Workflows. ARGO_NAMESPACE does not count: the template is in this one.

    Raises:
        BadInputError: ARGO_SERVER is not set or not an address, no header can carry ARGO_TOKEN, or REQUESTS_CA_BUNDLE
            names a missing file.
    """
    environment_connection(env)
    server = env.get("ARGO_SERVER", "").strip()
    if not server:
        raise BadInputError("ARGO_SERVER is not set: set it to host:port of Argo Server")
    _check_address(server)
    token = env.get("ARGO_TOKEN", "").strip()
    if not is_header_value(token):
        raise BadInputError(
            "ARGO_TOKEN holds a character that no request can carry, such as a line break or a typographic quotation "
            "mark: set it to the token alone"
        )
    scheme = "http" if env.get("ARGO_SECURE", "true").lower() == "false" else "https"
    base = env.get("ARGO_BASE_HREF", "").strip("/")
    service = WorkflowsService(
        host=f"{scheme}://{server}/" + (f"{base}/" if base else ""),
        verify_ssl=env.get("ARGO_INSECURE_SKIP_VERIFY", "false").lower() != "true",
        token=token or None,
        session=_Session(),
    )
    return ArgoServer(service=service, namespace=namespace)


def _check_address(server: str) -> None:
    """Check that a text is an address, as the `argo` command takes it.

    Raises:
        BadInputError: It is not.
    """
    try:
        parts = urlsplit(f"//{server}")
        known = parts.hostname and parts.netloc == server and (parts.port is None or parts.port)
    except ValueError:
        known = False
    if not known or "@" in server or not is_header_value(server) or " " in server:
        raise BadInputError(
            "ARGO_SERVER is not host:port: set it to the address of Argo Server, such as argo.example.com:443 "
            "(ARGO_SECURE=false for plain HTTP, ARGO_BASE_HREF for a path)"
        )


def _request(send: Callable[[], m.Workflow | m.Version]) -> Json:
    try:
        found: Json = send().model_dump(mode="json", by_alias=True, exclude_none=True)
    except requests.RequestException as error:
        if problem := certificate_problem(error):
            raise CertificateError(Connection(environment=True).untrusted("Argo Server", problem)) from error
        raise UnavailableError(
            f"Argo Server: {type(error).__name__} (check that ARGO_SERVER is its host:port, and that it can be reached)"
        ) from error
    except (ValueError, TypeError) as error:
        # Hera's text quotes the document.
        raise _foreign("JSON of another kind") from error
    return found


def _workflow(found: Json, *, name: str = "") -> Json:
    """Return a document, if it is a Workflow; with a name, if it is that Workflow."""
    given = found.get("metadata", {}).get("name")
    if not given or (name and given != name):
        raise _foreign("another object")
    return found


def _checked(reply: requests.Response) -> requests.Response:
    """Return an answer that Hera can read. Hera fails with a KeyError on a refusal without a message.

    Raises:
        StepError: Argo Server, or an ingress in front of it, refused or failed.
    """
    status, text = reply.status_code, reply.content.decode(errors="replace")
    document = read_json(text)
    message, code = (document.get("message"), document.get("code")) if isinstance(document, dict) else (None, None)
    if reply.ok and isinstance(document, dict):
        return reply
    if status in (408, 429) or status >= 500:  # noqa: PLR2004 - HTTP
        retry_after_s = header_seconds(reply.headers.get("retry-after"))
        raise UnavailableError(f"Argo Server: {status}: it is not ready, try again later", retry_after_s=retry_after_s)
    if status in (401, 403):
        raise ForbiddenError(
            f"Argo Server: {status}: set ARGO_TOKEN to the token of an account that may create and get Workflows"
        )
    # An ingress may send a message too, but only Argo Server a number of gRPC.
    if reply.ok or not isinstance(message, str) or not isinstance(code, int):
        what = describe_body(text) if document is None else "JSON of another kind"
        raise _foreign(what if reply.ok else f"{what} with status {status}")
    error = _REFUSALS.get(status, BadInputError)
    raise error(f"Argo Server: {status} {message[:_MAX_MESSAGE]}")


def _foreign(what: str) -> UnavailableError:
    """Return the error for an answer that Argo Server does not give."""
    return UnavailableError(
        f"Argo Server: {what} came: check ARGO_SERVER, ARGO_SECURE and ARGO_BASE_HREF; an ingress or a login page may "
        "have answered"
    )

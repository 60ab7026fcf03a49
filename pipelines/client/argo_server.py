"""Argo Server as a cluster, through Hera's service, with the variables of the `argo` command (ARGO_SERVER and others).

Guarantees a time-out for every request, and a `StepError` for every error of the server. HTTPS_PROXY, NO_PROXY and
REQUESTS_CA_BUNDLE count. Does not use Hera's `wait`: it treats a Workflow that waits for a lock as ended, and has no
time-out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from hera.exceptions import AlreadyExists, Forbidden, HeraException, InternalServerError, NotFound, Unauthorized
from hera.workflows import WorkflowsService
from hera.workflows import models as m

from steps.core import (
    BadInputError,
    CertificateError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    StepError,
    UnavailableError,
    is_header_value,
)
from steps.github import Connection, certificate_problem, environment_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]

_TIMEOUT_S = 15.0


class _Session(requests.Session):
    """A session with a time-out for every request."""

    def request(self, method: str, url: str | bytes, **more: Any) -> requests.Response:  # type: ignore[override]  # noqa: ANN401 - the library's
        """Send a request; add the time-out if the caller gives none."""
        return super().request(method, url, **({"timeout": _TIMEOUT_S} | more))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoServer:
    """A cluster behind Argo Server."""

    service: WorkflowsService
    namespace: str

    def create(self, workflow: Json) -> Json:
        """Create a Workflow."""
        request = m.WorkflowCreateRequest(workflow=m.Workflow.model_validate(workflow))
        return _request(lambda: self.service.create_workflow(request, namespace=self.namespace))

    def get(self, name: str) -> Json:
        """Read a Workflow."""
        return _request(lambda: self.service.get_workflow(name, namespace=self.namespace))

    def version(self) -> str:
        """Read Argo's version."""
        return str(_request(self.service.get_version)["version"])


def connect_argo_server(env: Mapping[str, str], *, namespace: str) -> ArgoServer:
    """Connect with the variables of the `argo` command.

    Args:
        env: ARGO_SERVER (host:port), ARGO_TOKEN, ARGO_SECURE, ARGO_INSECURE_SKIP_VERIFY, ARGO_BASE_HREF.
        namespace: Namespace of the Workflows, unless ARGO_NAMESPACE names another.

    Raises:
        BadInputError: ARGO_SERVER is not set, no header can carry ARGO_TOKEN, or REQUESTS_CA_BUNDLE names a missing
            file.
    """
    environment_connection(env)
    server = env.get("ARGO_SERVER")
    if not server:
        raise BadInputError("ARGO_SERVER is not set: set it to host:port of Argo Server")
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
    return ArgoServer(service=service, namespace=env.get("ARGO_NAMESPACE") or namespace)


def _request(send: Callable[[], m.Workflow | m.Version]) -> Json:
    try:
        found: Json = send().model_dump(mode="json", by_alias=True, exclude_none=True)
    except requests.RequestException as error:
        if problem := certificate_problem(error):
            raise CertificateError(Connection(environment=True).untrusted("Argo Server", problem)) from error
        raise UnavailableError(
            f"Argo Server: {type(error).__name__} (check that ARGO_SERVER is its host:port, and that it can be reached)"
        ) from error
    except HeraException as error:
        raise _step_error(error) from error
    return found


def _step_error(error: HeraException) -> StepError:
    text = f"Argo Server: {type(error).__name__}"
    match error:
        case NotFound():
            return NotFoundError(text)
        case AlreadyExists():
            return ConflictError(text)
        case Unauthorized() | Forbidden():
            return ForbiddenError(
                f"{text}: set ARGO_TOKEN to the token of an account that may create and get Workflows"
            )
        case InternalServerError():
            return UnavailableError(text)
        case _:
            return BadInputError(f"{text}: {str(error)[:200]}")

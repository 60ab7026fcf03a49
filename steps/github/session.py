"""PyGithub's requester on a given connection, and the errors of requests without an answer.

Guarantees that an App's sign-in uses the same connection as every other request, that each answer is checked before
PyGithub reads it, and that one connection serves all requests. PyGithub accepts a CA bundle, but no proxy, and reads
the environment. Both belong to a session, and classes that are set for the whole library make the sessions. This module
sets its own classes while it makes a requester, which keeps them.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from github import Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests.exceptions import InvalidSchema, InvalidURL, ProxyError

from steps.core import BadInputError, CertificateError, ProxyRefusedError, UnavailableError, describe_network_error
from steps.github.connection import certificate_problem, proxy_refusal
from steps.github.reply import checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests
    from github import Auth
    from github.Requester import RequestsResponse

    from steps.github.connection import Connection
    from steps.settings import GitHubSettings

_LIBRARY = threading.Lock()


def build_requester(*, auth: Auth.Auth, settings: GitHubSettings, route: Connection) -> Requester:
    """Return a requester without retries of its own.

    Args:
        auth: Credentials.
        settings: Address and time-out.
        route: Certificates and proxy.
    """
    with _connections(route):
        return Github(
            auth=auth,
            base_url=settings.api_url,
            timeout=max(1, round(settings.timeout_s)),
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
            verify=route.bundle or True,
        ).requester


@contextmanager
def _connections(route: Connection) -> Iterator[None]:
    """Let requesters that are made meanwhile use this connection."""

    def led(session: requests.Session) -> None:
        session.trust_env = route.environment
        # requests computes where a redirect leads even if it does not follow it, and fails on a bad address.
        session.get_redirect_target = lambda resp: None  # type: ignore[method-assign] # noqa: ARG005 - its name is given
        session.proxies = {"http": route.proxy, "https": route.proxy} if route.proxy else {}

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *given: Any, **more: Any) -> None:  # noqa: ANN401 - the library's
            super().__init__(*given, **more)
            led(self.session)

        def getresponse(self) -> RequestsResponse:
            return checked(super().getresponse())

    class Secure(HTTPSRequestsConnectionClass):
        def __init__(self, *given: Any, **more: Any) -> None:  # noqa: ANN401 - the library's
            super().__init__(*given, **more)
            led(self.session)

        def getresponse(self) -> RequestsResponse:
            return checked(super().getresponse())

    with _LIBRARY:
        Requester.injectConnectionClasses(Plain, Secure)
        try:
            yield
        finally:
            Requester.resetConnectionClasses()


def unanswered(
    asked: str, error: requests.RequestException, *, host: str, route: Connection
) -> UnavailableError | CertificateError | ProxyRefusedError | BadInputError:
    """Return the error for a request without an answer.

    A certificate, a proxy's refusal or an address that is none is not tried again.

    Args:
        asked: Verb and path.
        error: The library's error; its text can quote the request and is not used.
        host: The server that the request was for.
        route: Certificates and proxy of the request.
    """
    by_proxy = isinstance(error, ProxyError)
    if problem := certificate_problem(error):
        return CertificateError(route.untrusted(route.proxy_shown if by_proxy else host, problem))
    if by_proxy and (code := proxy_refusal(error)):
        return ProxyRefusedError(route.refused(code))
    if isinstance(error, InvalidURL | InvalidSchema):
        # The text can quote the proxy's password.
        return BadInputError(
            f"{asked}: {host}: no request can be sent: correct {route.proxy_source}, or github.api_url: they begin "
            "with http:// or https://"
        )
    whom = f"{host} through {route.proxy_shown}" if by_proxy else host
    return UnavailableError(f"{asked}: {whom}: {describe_network_error(error)}")

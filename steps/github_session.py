"""PyGithub's requester on a given way to GitHub, and its failures to get there by meaning.

Guarantees that an App's sign-in goes the same way as everything else, and that one connection serves all requests.
PyGithub takes a CA bundle, but no proxy, and reads the environment: both are a session's, and a session is made by
classes that are set for the whole library. So ours are set for as long as a requester is made, which remembers them.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from github import Github
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester
from requests.exceptions import ProxyError

from steps.errors import BarredError, UnavailableError, UntrustedError
from steps.obstacles import obstacle
from steps.route import refusal, unverified

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests
    from github import Auth

    from steps.github_rules import GitHubRules
    from steps.route import Route

_LIBRARY = threading.Lock()


def requester(*, auth: Auth.Auth, rules: GitHubRules, route: Route) -> Requester:
    """A requester without retries of its own.

    Args:
        auth: Credentials.
        rules: Address and time-out.
        route: The way there.
    """
    with _connections(route):
        return Github(
            auth=auth,
            base_url=rules.api_url,
            timeout=max(1, round(rules.timeout_s)),
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
            verify=route.bundle or True,
        ).requester


@contextmanager
def _connections(route: Route) -> Iterator[None]:
    """Let what is made meanwhile go this way."""

    def led(session: requests.Session) -> None:
        session.trust_env = route.environment
        session.proxies = {"http": route.proxy, "https": route.proxy} if route.proxy else {}

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *given: Any, **more: Any) -> None:  # noqa: ANN401 - the library's
            super().__init__(*given, **more)
            led(self.session)

    class Secure(HTTPSRequestsConnectionClass):
        def __init__(self, *given: Any, **more: Any) -> None:  # noqa: ANN401 - the library's
            super().__init__(*given, **more)
            led(self.session)

    with _LIBRARY:
        Requester.injectConnectionClasses(Plain, Secure)
        try:
            yield
        finally:
            Requester.resetConnectionClasses()


def not_reached(
    asked: str, error: requests.RequestException, *, host: str, route: Route
) -> UnavailableError | UntrustedError | BarredError:
    """Our own error for a request that got no answer: what a person has to mend is not to be tried again.

    Args:
        asked: Verb and path.
        error: The library's; its text can quote the request, so it stays out of ours.
        host: Whom the request was for.
        route: The way that it took.
    """
    by_proxy = isinstance(error, ProxyError)
    if problem := unverified(error):
        return UntrustedError(route.untrusted(route.proxy_shown if by_proxy else host, problem))
    if by_proxy and (code := refusal(error)):
        return BarredError(route.refused(code))
    whom = f"{host} through {route.proxy_shown}" if by_proxy else host
    return UnavailableError(f"{asked}: {whom}: {obstacle(error)}")

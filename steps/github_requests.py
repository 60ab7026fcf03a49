"""Requests to GitHub: signed in, repeated within bounds, and their errors by meaning.

Guarantees that rate limits are honoured up to a deadline, that nobody is asked whom the breaker guards, and that no
error quotes a request. Uses PyGithub for authentication and transport with its own retries switched off, because they
repeat writes and can sleep for hours.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import requests
from github import BadCredentialsException, GithubException

from steps.audit import Answer
from steps.backoff import backoff
from steps.errors import BadInputError, ForbiddenError, NotFoundError, RateLimitedError, UnavailableError
from steps.github_session import not_reached, requester
from steps.measurements import Measure
from steps.route import Route, unverified
from steps.tracing import OFF, github_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from github import Auth

    from steps.audit import Audit
    from steps.breaker import Breaker
    from steps.clock import Clock
    from steps.credentials import Handover
    from steps.github_rules import GitHubRules
    from steps.measurements import Measurements
    from steps.tracing import Tracer
    from steps.why import Why

_SECONDARY_LIMIT_S = 60.0
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


class Requests:
    """A connection to GitHub's REST API."""

    def __init__(
        self,
        *,
        auth: Auth.Auth,
        rules: GitHubRules,
        clock: Clock,
        random: Callable[[], float],
        keep: Callable[[], None],
        breaker: Breaker,
        measurements: Measurements,
        audit: Audit,
        tracer: Tracer = OFF,
        handover: Handover | None = None,
        app: str = "",
        route: Route | None = None,
    ) -> None:
        """Connect.

        Args:
            auth: Credentials.
            rules: Address, time-outs and attempts.
            clock: Time.
            random: Uniform in [0, 1), for jitter.
            keep: Called about once a second while waiting, to renew a hold.
            breaker: Shared by all pods: whether GitHub may be asked at all.
            measurements: Where the number of requests and their time is left.
            audit: Where each write is told.
            tracer: Where each request's time is noted.
            handover: Where an App's token is left for the pod's other container.
            app: Id of the App that signs in; empty for a token.
            route: The way there; straight, and by public certificates, if none is given.
        """
        self._route = route or Route()
        self._requester = requester(auth=auth, rules=rules, route=self._route)
        self._rules = rules
        self._clock = clock
        self._random = random
        self._keep = keep
        self._breaker = breaker
        self._measurements = measurements
        self._audit = audit
        self._tracer = tracer
        self._handover = handover
        self._app = app
        self._signed_in = False

    def _write(
        self, verb: str, path: str, *, resource: str, repository: str, name: str, why: Why, body: object = None
    ) -> Any:  # noqa: ANN401 - JSON
        """The one way of a write; each attempt with its line in the audit."""

        def audited() -> AbstractContextManager[Answer]:
            return self._audit.write(
                api="github",
                verb=_VERBS[verb],
                resource=resource,
                namespace=repository,
                name=name,
                why=why,
                sent=None,
                refused=_is_refusal,
            )

        return self._ask(verb, path, body=body, audited=audited)

    def _ask(
        self,
        verb: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: object = None,
        audited: Callable[[], AbstractContextManager[Answer]] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        if verb != "GET" and audited is None:
            raise AssertionError("what writes goes through _write")
        deadline = self._clock.monotonic() + self._rules.deadline_s
        for pause in backoff(attempts=self._rules.attempts, first_s=self._rules.backoff_s, random=self._random):
            signed_in = False
            self._wait_for_others(deadline=deadline)
            try:
                with self._measured():
                    self._sign_in()
                    signed_in = True
                    enclosed = audited() if audited else nullcontext(Answer())
                    with self._traced(verb, path), enclosed as answer:
                        _, data = self._requester.requestJsonAndCheck(verb, path, parameters=parameters, input=body)
                        answer.body = data
            except GithubException as error:
                problem = _meaning(f"{verb} {path}", error, now=self._clock.now().timestamp())
                if isinstance(problem, NotFoundError) and not signed_in:
                    problem = ForbiddenError(
                        "the GitHub App has no such installation: correct installation-id in the Secret"
                    )
                if not isinstance(problem, UnavailableError):
                    self._breaker.succeeded()  # GitHub works; it is the request that is wrong
                    raise problem from error
                cause: Exception = error
            except requests.RequestException as error:
                unreached = not_reached(f"{verb} {path}", error, host=self._rules.host, route=self._route)
                if not isinstance(unreached, UnavailableError):
                    raise unreached from error  # tells nothing of GitHub, so the breaker is told nothing
                problem, cause = unreached, error
            else:
                self._breaker.succeeded()
                return data
            wait = max(pause or 0.0, problem.retry_after_s or 0.0)
            if not self._may_retry(problem) or pause is None or self._clock.monotonic() + wait >= deadline:
                raise problem from cause
            self._sleep(wait)
        raise AssertionError("backoff ends with None")

    def _wait_for_others(self, *, deadline: float) -> None:
        """Wait as long as GitHub has told any pod to, but not beyond our own deadline."""
        wait = self._breaker.enter()
        if wait and self._clock.monotonic() + wait >= deadline:
            raise RateLimitedError("GitHub has told another pod to wait", retry_after_s=wait)
        self._sleep(wait)

    def _may_retry(self, problem: UnavailableError) -> bool:
        """Let the other pods know of the problem; whether this one may try again by itself."""
        if isinstance(problem, RateLimitedError):
            self._breaker.limited(problem.retry_after_s or _SECONDARY_LIMIT_S)
            return True
        return self._breaker.failed()

    @contextmanager
    def _traced(self, verb: str, path: str) -> Iterator[None]:
        with self._tracer.request(github_name(verb, path), **{"http.request.method": verb}) as span:
            try:
                yield
            except GithubException as error:
                if span:
                    span.attributes["http.response.status_code"] = error.status
                raise

    @contextmanager
    def _measured(self) -> Iterator[None]:
        """Count a request and its time; a refusal is an answer, an outage is none."""
        began, result = self._clock.monotonic(), Measure.GITHUB_FAILED
        try:
            yield
            result = Measure.GITHUB_ANSWERED
        except GithubException as error:
            result = Measure.GITHUB_FAILED if error.status >= 500 else Measure.GITHUB_ANSWERED  # noqa: PLR2004 - HTTP
            raise
        finally:
            self._measurements.add(result, 1)
            self._measurements.add(Measure.GITHUB_S, self._clock.monotonic() - began)

    def _sign_in(self) -> None:
        """Fetch an App's token (once), apart from any request, so that its refusal isn't taken for the repository's."""
        auth = self._requester.auth
        first, self._signed_in = bool(self._app) and not self._signed_in, True
        with self._traced("POST", "/access_tokens") if first else nullcontext():
            if auth and auth.token and self._handover:
                self._handover.leave(auth)

    def _sleep(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            self._keep()
            self._clock.sleep(min(1.0, left))


def _is_refusal(error: BaseException) -> bool:
    """Whether an error says that nothing was written."""
    answered = isinstance(error, GithubException) and error.status < 500  # noqa: PLR2004 - HTTP
    return answered or unverified(error) is not None


def _meaning(
    asked: str, error: GithubException, *, now: float
) -> UnavailableError | ForbiddenError | NotFoundError | BadInputError:
    """Our own error for GitHub's answer, by meaning; 403 and 429 are told apart by headers, not by number."""
    message = str(error.data.get("message", "")) if isinstance(error.data, dict) else ""
    text = f"GitHub: {asked}: {error.status} {message[:200]}".strip()
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status in (403, 429):
        if (wait := _limited_s(headers, message=message, now=now)) is not None or error.status == 429:  # noqa: PLR2004
            return RateLimitedError(text, retry_after_s=wait)
        return ForbiddenError(f"{text}: give the App or token read and write access to pull requests and issues")
    if isinstance(error, BadCredentialsException) or error.status == 401:  # noqa: PLR2004 - HTTP
        return ForbiddenError(f"{text}: the credentials are wrong or have expired, renew the Secret")
    if error.status in (404, 410):
        return NotFoundError(text)
    return UnavailableError(text) if error.status >= 500 else BadInputError(text)  # noqa: PLR2004 - HTTP


def _limited_s(headers: dict[str, str], *, message: str, now: float) -> float | None:
    """Seconds that a rate limit asks to wait; None if there is none. In the order GitHub documents."""
    if headers.get("retry-after", "").isdigit():
        return float(headers["retry-after"])
    if headers.get("x-ratelimit-remaining") == "0" and headers.get("x-ratelimit-reset", "").isdigit():
        return max(1.0, float(headers["x-ratelimit-reset"]) - now + 1)
    return _SECONDARY_LIMIT_S if "rate limit" in message.lower() else None

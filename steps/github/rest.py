"""Requests to GitHub: signed in, repeated within bounds, and their errors by meaning.

Guarantees that rate limits are honoured up to a deadline, that nobody is asked whom the breaker guards, and that no
error quotes a request. Uses PyGithub for authentication and transport with its own retries switched off, because they
repeat writes and can sleep for hours.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import requests
from github import GithubException

from steps.core import (
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    ServerClock,
    StepError,
    UnavailableError,
    backoff,
    retry,
    wait,
)
from steps.github.answers import SECONDARY_LIMIT_S, error_of, is_refused, span_name
from steps.github.connection import Connection
from steps.github.session import build_requester, unanswered
from steps.telemetry import TRACING_OFF, Measure, WriteAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from github import Auth

    from steps.breaker import BreakerGate
    from steps.core import Clock
    from steps.github.credentials import TokenHandoff
    from steps.settings import GitHubSettings
    from steps.telemetry import Audit, Measurements, Tracer, WriteReason

_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


class RestClient:
    """A connection to GitHub's REST API."""

    def __init__(
        self,
        *,
        auth: Auth.Auth,
        settings: GitHubSettings,
        clock: Clock,
        random: Callable[[], float],
        while_waiting: Callable[[], None],
        breaker: BreakerGate,
        measurements: Measurements,
        audit: Audit,
        tracer: Tracer = TRACING_OFF,
        handover: TokenHandoff | None = None,
        app: str = "",
        route: Connection | None = None,
    ) -> None:
        """Connect.

        Args:
            auth: Credentials.
            settings: Address, time-outs and attempts.
            clock: Time.
            random: Uniform in [0, 1), for jitter.
            while_waiting: Called about once a second while waiting, to renew a hold.
            breaker: Shared by all pods: whether GitHub may be asked at all.
            measurements: Where the number of requests and their time is left.
            audit: Where each write is told.
            tracer: Where each request's time is noted.
            handover: Where an App's token is left for the pod's other container.
            app: Id of the App that signs in; empty for a token.
            route: The way there; straight, and by public certificates, if none is given.
        """
        self._route = route or Connection()
        self._requester = build_requester(auth=auth, settings=settings, route=self._route)
        self._settings = settings
        self._clock = clock
        self._random = random
        self._while_waiting = while_waiting
        self._breaker = breaker
        self._measurements = measurements
        self._audit = audit
        self._tracer = tracer
        self._handover = handover
        self._app = app
        self._signed_in = False
        self.server_clock = ServerClock()

    def _write(
        self,
        verb: str,
        path: str,
        *,
        resource: str,
        repository: str,
        name: str,
        reason: WriteReason,
        body: object = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """The one way of a write; each attempt with its line in the audit."""

        def audited() -> AbstractContextManager[WriteAnswer]:
            return self._audit.write(
                api="github",
                verb=_VERBS[verb],
                resource=resource,
                namespace=repository,
                name=name,
                reason=reason,
                sent=None,
                refused=is_refused,
            )

        return self._ask(verb, path, body=body, audited=audited)

    def _ask(
        self,
        verb: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: object = None,
        audited: Callable[[], AbstractContextManager[WriteAnswer]] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        if verb != "GET" and audited is None:
            raise AssertionError("what writes goes through _write")
        deadline = self._clock.monotonic() + self._settings.deadline_s

        not_asked: list[StepError] = []

        def attempt() -> Any:  # noqa: ANN401 - JSON
            try:
                self._wait_for_others(deadline=deadline)
            except UnavailableError as error:
                not_asked.append(error)
                raise
            self._while_waiting()  # a request may take as long as a renewal may wait
            return self._ask_once(verb, path, parameters=parameters, body=body, audited=audited)

        return retry(
            attempt,
            on=UnavailableError,
            pauses=backoff(attempts=self._settings.attempts, first_s=self._settings.backoff_s, random=self._random),
            clock=self._clock,
            deadline=deadline,
            may_retry=lambda error: error not in not_asked and self._may_retry(error),
            while_waiting=self._while_waiting,
        )

    def _ask_once(
        self,
        verb: str,
        path: str,
        *,
        parameters: dict[str, str] | None,
        body: object,
        audited: Callable[[], AbstractContextManager[WriteAnswer]] | None,
    ) -> Any:  # noqa: ANN401 - JSON
        signed_in = False
        try:
            with self._measured():
                self._sign_in()
                signed_in = True
                enclosed = audited() if audited else nullcontext(WriteAnswer())
                with self._traced(verb, path), enclosed as answer:
                    headers, data = self._requester.requestJsonAndCheck(verb, path, parameters=parameters, input=body)
                    answer.body = data
                    self.server_clock.observe(headers.get("date"), monotonic=self._clock.monotonic())
        except GithubException as error:
            problem = error_of(f"{verb} {path}", error, now=self._clock.now().timestamp())
            if isinstance(problem, NotFoundError) and not signed_in:
                problem = ForbiddenError(
                    "the GitHub App has no such installation: correct installation-id in the Secret"
                )
            if not isinstance(problem, UnavailableError):
                self._breaker.succeeded()  # GitHub works; it is the request that is wrong
            raise problem from error
        except requests.RequestException as error:
            # An error that says nothing about GitHub is not reported to the breaker.
            raise unanswered(f"{verb} {path}", error, host=self._settings.host, route=self._route) from error
        self._breaker.succeeded()
        return data

    def _wait_for_others(self, *, deadline: float) -> None:
        """Wait as long as GitHub has told any pod to, but not beyond our own deadline."""
        seconds = self._breaker.enter()
        if seconds and self._clock.monotonic() + seconds >= deadline:
            raise RateLimitedError("GitHub has told another pod to wait", retry_after_s=seconds)
        wait(seconds, clock=self._clock, while_waiting=self._while_waiting)

    def _may_retry(self, problem: StepError) -> bool:
        """Let the other pods know of the problem; whether this one may try again by itself."""
        if isinstance(problem, RateLimitedError):
            self._breaker.limited(problem.retry_after_s or SECONDARY_LIMIT_S)
            return True
        return self._breaker.failed()

    @contextmanager
    def _traced(self, verb: str, path: str) -> Iterator[None]:
        with self._tracer.request(span_name(verb, path), **{"http.request.method": verb}) as span:
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

"""Requests to GitHub: repeated within bounds, behind the circuit breaker, and each write with its line in the audit.

Guarantees that rate limits are honoured up to a deadline, and that no request is sent while the circuit breaker is
open. `Exchange` sends a request once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps.core import (
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    StepError,
    UnavailableError,
    backoff,
    retry,
    wait,
)
from steps.github.answers import is_answer, is_refused
from steps.github.connection import Connection
from steps.github.exchange import Exchange
from steps.github.refusals import SECONDARY_LIMIT_S
from steps.telemetry import TRACING_OFF, WriteAnswer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from steps.breaker import BreakerGate
    from steps.core import Clock
    from steps.github.sign_in import SignIn
    from steps.settings import GitHubSettings
    from steps.telemetry import Audit, Measurements, Tracer, WriteReason

# A new token: attempts for about ten seconds; `SignIn` says when they end.
_TOKEN_ATTEMPTS, _TOKEN_S, _TOKEN_MAX_S = 10, 0.5, 2.0
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


class RestClient:
    """A connection to GitHub's REST API."""

    def __init__(
        self,
        *,
        sign_in: SignIn,
        settings: GitHubSettings,
        clock: Clock,
        random: Callable[[], float],
        while_waiting: Callable[[], None],
        breaker: BreakerGate,
        measurements: Measurements,
        audit: Audit,
        tracer: Tracer = TRACING_OFF,
        app: str = "",
        route: Connection | None = None,
    ) -> None:
        """Keep the connection.

        Args:
            sign_in: The credentials.
            settings: Address, time-outs and attempts.
            clock: Time.
            random: Uniform in [0, 1), for jitter.
            while_waiting: Called about once a second while waiting, to renew the Lease.
            breaker: The circuit breaker that all pods share.
            measurements: Counts requests and their time.
            audit: Records each write.
            tracer: Records the time of each request.
            app: Id of the App that signs in; empty for a token.
            route: The way to GitHub; without one, direct and with the public certificates.
        """
        self._exchange = Exchange(
            sign_in=sign_in,
            settings=settings,
            route=route or Connection(),
            clock=clock,
            measurements=measurements,
            tracer=tracer,
        )
        self._settings = settings
        self._clock = clock
        self._random = random
        self._while_waiting = while_waiting
        self._breaker = breaker
        self._audit = audit
        self._app = app
        self.server_clock = self._exchange.server_clock

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
        read: Callable[[Any], Any] = lambda document: document,
    ) -> Any:  # noqa: ANN401 - JSON, or what `read` makes of it
        """Send a write. Each attempt has its line in the audit."""

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

        return self._ask(verb, path, body=body, audited=audited, read=read)

    def _ask(
        self,
        verb: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: object = None,
        audited: Callable[[], AbstractContextManager[WriteAnswer]] | None = None,
        read: Callable[[Any], Any] = lambda document: document,
    ) -> Any:  # noqa: ANN401 - JSON, or what `read` makes of it
        """Send a request, and repeat it within bounds while GitHub cannot answer.

        Args:
            verb: GET, POST, PATCH or DELETE.
            path: API path.
            parameters: Query.
            body: Content, sent as JSON.
            audited: Encloses each attempt of a write with its line in the audit.
            read: Turns the answer into values; an answer that it cannot read counts as no answer.

        Raises:
            StepError: GitHub refused, or did not answer.
        """
        if verb != "GET" and audited is None:
            raise AssertionError("a write goes through _write")
        deadline = self._clock.monotonic() + self._settings.deadline_s
        not_sent: list[StepError] = []

        def attempt() -> Any:  # noqa: ANN401 - JSON
            try:
                self._wait_for_others(deadline=deadline)
            except UnavailableError as error:
                not_sent.append(error)
                raise
            self._while_waiting()  # a request may take as long as a renewal may wait
            return self._ask_once(verb, path, parameters=parameters, body=body, audited=audited, read=read)

        def despite_new_token() -> Any:  # noqa: ANN401 - JSON
            return retry(
                attempt,
                on=(ForbiddenError, NotFoundError),
                pauses=backoff(attempts=_TOKEN_ATTEMPTS, first_s=_TOKEN_S, random=self._random, longest_s=_TOKEN_MAX_S),
                clock=self._clock,
                deadline=deadline,
                may_retry=self._exchange.may_end,
                while_waiting=self._while_waiting,
            )

        return retry(
            despite_new_token,
            on=UnavailableError,
            pauses=backoff(attempts=self._settings.attempts, first_s=self._settings.backoff_s, random=self._random),
            clock=self._clock,
            deadline=deadline,
            may_retry=lambda error: error not in not_sent and self._may_retry(error),
            while_waiting=self._while_waiting,
        )

    def _ask_once(self, verb: str, path: str, **sent: Any) -> Any:  # noqa: ANN401 - JSON, or what `read` makes of it
        try:
            found = self._exchange.send(verb, path, **sent)
        except StepError as error:
            if is_answer(error):
                self._breaker.succeeded()
            raise
        self._breaker.succeeded()
        return found

    def _wait_for_others(self, *, deadline: float) -> None:
        """Wait while the breaker asks to, but not beyond the deadline of the request."""
        while seconds := self._breaker.enter():
            if self._clock.monotonic() + seconds >= deadline:
                raise RateLimitedError("GitHub limits the rate of requests of all pods", retry_after_s=seconds)
            wait(seconds, clock=self._clock, while_waiting=self._while_waiting)

    def _may_retry(self, problem: StepError) -> bool:
        """Report a problem to the other pods; whether this pod may try again by itself."""
        if isinstance(problem, RateLimitedError):
            seconds = problem.retry_after_s
            self._breaker.limited(SECONDARY_LIMIT_S if seconds is None else seconds)
            return True
        return self._breaker.failed()

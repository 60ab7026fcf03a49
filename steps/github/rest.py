"""Requests to GitHub: repeated within bounds, behind the circuit breaker, and each write with its line in the audit.

`Exchange` sends a request once, `Repetition` says how often and when.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from steps.core import LAG_S
from steps.github.answers import is_refused
from steps.github.connection import Connection
from steps.github.exchange import Exchange
from steps.github.repetition import Repetition
from steps.telemetry import TRACING_OFF, WriteAnswer

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from steps.breaker import BreakerGate
    from steps.core import Clock
    from steps.github.sign_in import SignIn
    from steps.settings import GitHubSettings
    from steps.telemetry import Audit, Measurements, Tracer, WriteReason

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
        lag_s: float = LAG_S,
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
            lag_s: Seconds for which GitHub may not know yet what its webhook named; 0 if no webhook is recent.
        """
        self._exchange = Exchange(
            sign_in=sign_in,
            settings=settings,
            route=route or Connection(),
            clock=clock,
            measurements=measurements,
            tracer=tracer,
        )
        self._repetition = Repetition(
            settings=settings,
            clock=clock,
            random=random,
            while_waiting=while_waiting,
            breaker=breaker,
            token_may_be_unknown=self._exchange.may_end,
            lag_s=lag_s,
        )
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
        lags: bool = False,
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

        return self._ask(verb, path, body=body, audited=audited, lags=lags, read=read)

    def _ask(
        self,
        verb: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: object = None,
        audited: Callable[[], AbstractContextManager[WriteAnswer]] | None = None,
        lags: bool = False,
        read: Callable[[Any], Any] = lambda document: document,
    ) -> Any:  # noqa: ANN401 - JSON, or what `read` makes of it
        """Send a request, and repeat it within bounds while GitHub cannot answer.

        Args:
            verb: GET, POST, PATCH or DELETE.
            path: API path.
            parameters: Query.
            body: Content, sent as JSON.
            audited: Encloses each attempt of a write with its line in the audit.
            lags: Whether a webhook has named what the request is about, so that a 404 may end by itself.
            read: Turns the answer into values; an answer that it cannot read counts as no answer.

        Raises:
            StepError: GitHub refused, or did not answer.
        """
        if verb != "GET" and audited is None:
            raise AssertionError("a write goes through _write")
        send = partial(self._exchange.send, verb, path, parameters=parameters, body=body, audited=audited, read=read)
        return self._repetition.run(send, lags=lags)

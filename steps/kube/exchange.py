"""Requests to the API server: sent, checked, and sent again within bounds.

Guarantees that an answer is the requested document or an error by meaning; that reads are repeated a few times; and
that a write is repeated only if it was refused and the caller's guard allows it. A write without an answer may have
taken effect: the caller reads the object to find out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from steps.core import (
    ConflictError,
    ForbiddenError,
    ListExpiredError,
    NotFoundError,
    ServerClock,
    UnavailableError,
    backoff,
    retry,
)
from steps.kube.answers import error_of
from steps.kube.shapes import parse_document

if TYPE_CHECKING:
    from steps.core import Clock
    from steps.kube.transport import Json, Transport
    from steps.settings import KubernetesSettings

# An API server that has just started does not know the Roles yet. It refuses requests as if a Role were missing
# (measured: for 10 to 60 ms, in three of eight starts).
_REFUSALS, _REFUSED_S = 3, 1.0
_READ_AGAIN_S = 0.2

Guard = Callable[[], object]
Check = Callable[[str, "Json"], None]
# Gets a document that was read, and its size in bytes.
Measure = Callable[["Json", int], None]


def _unmeasured(_found: Json, _size: int) -> None:
    """Measure nothing."""


class Exchange:
    """A connection to the API server."""

    def __init__(
        self, *, transport: Transport, clock: Clock, settings: KubernetesSettings, random: Callable[[], float]
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._settings = settings
        self._random = random
        self.server_clock = ServerClock()

    def read(
        self, target: str, *, check: Check, accept: str = "application/json", measure: Measure = _unmeasured
    ) -> Json:
        """Read a document, and again while the API server does not answer.

        Args:
            target: API path and query.
            check: Raises if the document is not the requested one.
            accept: The form of the answer.
            measure: Called with the document.

        Raises:
            StepError: The API server refused, or did not answer.
        """
        return retry(
            lambda: self.despite_refusals(
                lambda: self.send("GET", target, accept=accept, check=check, measure=measure)
            ),
            on=UnavailableError,
            pauses=backoff(attempts=self._settings.attempts, first_s=_READ_AGAIN_S, random=self._random),
            clock=self._clock,
            longest_s=self._settings.timeout_s,
            may_retry=lambda error: not isinstance(error, ListExpiredError),
        )

    def despite_refusals(self, send: Callable[[], Json], *, guard: Guard = lambda: None) -> Json:
        """Send a request, and again if it is refused: by then the API server knows the Roles.

        Args:
            send: Sends the request once.
            guard: Called before the request is sent again; raises if it must not be.

        Raises:
            ForbiddenError: The API server refuses it each time.
            StepError: As `send` raises it.
        """
        sent = False

        def guarded() -> Json:
            nonlocal sent
            if sent:
                guard()
            sent = True
            return send()

        return retry(
            guarded,
            on=ForbiddenError,
            pauses=backoff(attempts=_REFUSALS, first_s=_REFUSED_S, random=self._random),
            clock=self._clock,
        )

    def send(
        self,
        method: str,
        target: str,
        *,
        body: Json | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        check: Check,
        measure: Measure = _unmeasured,
    ) -> Json:
        """Send a request once.

        Args:
            method: GET, POST, PUT, PATCH or DELETE.
            target: API path and query.
            body: Content, sent as JSON.
            accept: The form of the answer.
            content_type: The form of the content.
            check: Raises if the document is not the requested one.
            measure: Called with the document.

        Raises:
            StepError: The API server refused, or did not answer.
        """
        sent = self._clock.monotonic()
        response = self._transport.send(
            method=method,
            target=target,
            headers={"Accept": accept, "Content-Type": content_type},
            body=body,
            timeout_s=self._settings.timeout_s,
        )
        observe = partial(
            self.server_clock.observe,
            response.headers.get("date"),
            sent=sent,
            arrived=self._clock.monotonic(),
            age=response.headers.get("age"),
        )
        asked = f"{method} {target.partition('?')[0]}"
        if response.status >= 300:  # noqa: PLR2004 - the success range ends here
            error = error_of(asked, response)
            if isinstance(error, NotFoundError | ConflictError):
                # The API server's own answer, unlike one of a proxy.
                observe()
            raise error
        found = parse_document(asked, response.body)
        check(asked, found)
        measure(found, len(response.body))
        observe()
        return found

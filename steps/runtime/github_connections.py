"""Connections of a process to GitHub. They share one sign-in, so an App makes one token.

Guarantees that the credentials are read at the first connection, not before, and that PyGithub is imported only then:
it costs half a second and 15 MB, and a superseded push never needs it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from steps.core import LAG_S
from steps.telemetry import TRACING_OFF

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.breaker import BreakerGate
    from steps.core import Clock
    from steps.github import Connection, GitHub, SignIn
    from steps.settings import GitHubSettings
    from steps.telemetry import Audit, Measurements, Tracer


@dataclass(slots=True)
class _SharedSignIn:
    """The sign-in, once it is made."""

    made: SignIn | None = None
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubConnections:
    """Creates connections.

    Attributes:
        settings: The usual settings.
        breaker: The circuit breaker that all pods share.
        measured: Counts requests and their time.
        audit: Gets a line for each write.
        tracer: Collects a span for each request.
        route: Certificates and proxy; None for those in the settings.
        token: The token of GITHUB_TOKEN, to use instead of the mounted credentials; empty for none.
        lag_s: Seconds for which GitHub may not know yet what its webhook named; 0 if no webhook is recent.
    """

    settings: GitHubSettings
    clock: Clock
    breaker: BreakerGate
    measured: Measurements
    audit: Audit
    tracer: Tracer = TRACING_OFF
    route: Connection | None = None
    token: str = ""
    lag_s: float = LAG_S
    _sign_in: _SharedSignIn = field(default_factory=_SharedSignIn)

    def __call__(
        self,
        while_waiting: Callable[[], None],
        settings: GitHubSettings | None = None,
        *,
        audit: Audit | None = None,
    ) -> GitHub:
        """Create a connection.

        Args:
            while_waiting: Called while waiting.
            settings: Settings of this connection; None for the usual ones.
            audit: Gets a line for each write; None for the usual one.

        Raises:
            BadInputError: The CA bundle in the settings does not exist.
            ForbiddenError: Credentials are missing or incomplete.
        """
        from steps.github import GitHub, app_id, pod_connection  # noqa: PLC0415 - see above

        settings = settings or self.settings
        return GitHub(
            sign_in=self._shared_sign_in(),
            settings=settings,
            clock=self.clock,
            random=random.random,
            while_waiting=while_waiting,
            breaker=self.breaker,
            measurements=self.measured,
            audit=audit or self.audit,
            tracer=self.tracer,
            app="" if self.token else app_id(Path(self.settings.credentials_dir)),
            route=self.route or pod_connection(settings),
            lag_s=self.lag_s,
        )

    def _shared_sign_in(self) -> SignIn:
        from steps.github import SignIn, build_credentials, mounted_credentials  # noqa: PLC0415 - see above

        with self._sign_in.lock:
            if self._sign_in.made is None:
                auth = (
                    build_credentials({"token": self.token}, where="GITHUB_TOKEN")
                    if self.token
                    else mounted_credentials(Path(self.settings.credentials_dir))
                )
                self._sign_in.made = SignIn(auth, clock=self.clock)
            return self._sign_in.made

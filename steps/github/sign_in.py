"""Signing in: the token of an App or of the Secret, and how long a new one may be unknown.

One sign-in serves all connections of a process. GitHub refuses a new installation token for some seconds, until all its
replicas know it: mostly with 401, rarely with 403 or 404. Guarantees that only a token which this process made is given
that time.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from github import Auth, GithubException
from github.GithubException import BadAttributeException

from steps.core import UnavailableError, is_header_value
from steps.github.answers import message_of

if TYPE_CHECKING:
    from steps.core import Clock

_UNKNOWN_FOR_S = 10.0


class SignIn:
    """The credentials of a process."""

    def __init__(self, auth: Auth.Auth, *, clock: Clock) -> None:
        """Keep the credentials.

        Args:
            auth: The credentials; an App's token is made when it is first needed.
            clock: Time.
        """
        self.auth = auth
        self._clock = clock
        self._lock = Lock()
        self._token = ""
        self._made_at: float | None = None
        self._accepted = False

    @property
    def is_due(self) -> bool:
        """Whether the next `token` makes the first token of an App."""
        return isinstance(self.auth, Auth.AppInstallationAuth) and not self._token

    def ensure_token(self) -> None:
        """Make an App's token, if there is none or it expires soon.

        Raises:
            GithubException: GitHub refuses.
            UnavailableError: The answer holds no token.
        """
        with self._lock:
            token = self._read(self.auth)
            if isinstance(self.auth, Auth.AppInstallationAuth) and token != self._token:
                self._made_at, self._accepted = self._clock.monotonic(), False
            self._token = token

    def accepted(self) -> None:
        """Note that GitHub knows the token."""
        self._accepted = True

    def may_be_unknown(self, error: BaseException | None) -> bool:
        """Whether a refusal may end by itself, because the token is new.

        After a first success only a 401 may: 403 and 404 are then said of the request.
        """
        if self._made_at is None or self._clock.monotonic() - self._made_at >= _UNKNOWN_FOR_S:
            return False
        if not isinstance(error, GithubException):
            return False
        message = message_of(error)
        unseen = (error.status, message) in ((403, "Resource not accessible by integration"), (404, "Not Found"))
        return error.status == 401 or (unseen and not self._accepted)  # noqa: PLR2004 - HTTP

    def _read(self, auth: Auth.Auth) -> str:
        try:
            # The library reads the token again for each request, and looks at its expiry only then.
            token = [auth.token, auth.token][-1]
        except (BadAttributeException, AttributeError, AssertionError, KeyError, TypeError, ValueError) as error:
            raise _no_token() from error
        if not isinstance(token, str) or not token or not is_header_value(token):
            raise _no_token()
        return token


def _no_token() -> UnavailableError:
    return UnavailableError(
        "GitHub: the answer to the App's sign-in holds no token: check github.api_url and github.proxy; a proxy may "
        "have answered"
    )

"""Authentication: personal tokens, GitHub Apps, installations and their tokens.

Guarantees: an expired, unknown or malformed credential is refused in GitHub's words; App JWTs are verified
(RS256, issuer, times); a new installation token may be unknown for a while, if a test wants that.
Does not: model OAuth scopes, SSO, suspended installations or IP allow lists.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from tests.doubles.github.messages import ApiError, not_found
from tests.doubles.github.permissions import RANKS, Permissions, Principal
from tests.doubles.github.world import App

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt.types import Options

_UNKNOWN = {
    401: ApiError(status=401, message="Bad credentials"),
    403: ApiError(status=403, message="Resource not accessible by integration"),
    404: not_found(),
}
TOKEN_LIFETIME_S = 3600
MAX_JWT_LIFETIME_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A GitHub App installed on an account."""

    id: int
    app_id: str
    slug: str
    permissions: Permissions
    repositories: frozenset[str] | None
    events: tuple[str, ...] = ()
    """What the App's own webhook sends."""


class Access:
    """All credentials of the double."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tokens: dict[str, Principal] = {}
        self._keys: dict[str, str] = {}
        self._installations: dict[int, Installation] = {}
        self._known_from: dict[str, float] = {}
        self._delay_s = 0.0
        self._unknown = _UNKNOWN[401]

    def add_token(self, token: str, principal: Principal) -> None:
        """Accept the token for the principal from now on."""
        self._tokens[token] = principal

    def add_app(self, *, app_id: str, public_key: str) -> None:
        """Register an App's public key (PEM)."""
        self._keys[app_id] = public_key

    def add_installation(self, installation: Installation) -> None:
        """Install an App."""
        self._installations[installation.id] = installation

    def revoke(self, token: str) -> None:
        """Forget a token."""
        self._tokens.pop(token, None)

    def delay_new_tokens(self, seconds: float, *, status: int) -> None:
        """Refuse each new installation token for so long, with this status."""
        self._delay_s, self._unknown = seconds, _UNKNOWN[status]

    def identify(self, authorization: str | None) -> Principal | None:
        """Find the principal of an Authorization header; no header is anonymous.

        Raises:
            ApiError: 401 for anything that is not a valid token; what `delay_new_tokens` says for a new one.
        """
        if authorization is None:
            return None
        token = _token_of(authorization)
        if self._clock() < self._known_from.get(token, 0.0):
            raise self._unknown
        principal = self._tokens.get(token)
        if principal is None or (principal.expires_at is not None and self._clock() >= principal.expires_at):
            raise ApiError(status=401, message="Bad credentials")
        return principal

    def issue(self, *, authorization: str | None, installation_id: int, wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - unchecked JSON
        """Answer POST /app/installations/{id}/access_tokens.

        Raises:
            ApiError: 401 for a bad JWT, 404 for another App's installation, 422 for permissions beyond the grant.
        """
        app_id = self._app_of(_token_of(authorization or ""))
        installation = self._installations.get(installation_id)
        if installation is None or installation.app_id != app_id:
            raise not_found(documentation="/apps/apps#create-an-installation-access-token-for-an-app")
        asked = wanted.get("permissions") if isinstance(wanted, dict) else None
        permissions = {**installation.permissions, "metadata": "read"}
        if asked:
            beyond = [
                key for key, level in asked.items() if RANKS.get(level, 9) > RANKS.get(permissions.get(key, ""), 0)
            ]
            if beyond:
                raise ApiError(
                    status=422,
                    message="The permissions requested are not granted to this installation.",
                    documentation="/apps/apps#create-an-installation-access-token-for-an-app",
                )
            permissions = {**asked, "metadata": "read"}
        token = f"ghs_{secrets.token_hex(18)}"
        self._known_from[token] = self._clock() + self._delay_s
        expires_at = self._clock() + TOKEN_LIFETIME_S
        self._tokens[token] = Principal(
            kind="installation",
            id=str(installation_id),
            permissions=permissions,
            repositories=installation.repositories,
            expires_at=expires_at,
            app=App(id=int(app_id), slug=installation.slug),
        )
        selection = "all" if installation.repositories is None else "selected"
        return {
            "token": token,
            "expires_at": expires_at,
            "permissions": permissions,
            "repository_selection": selection,
        }

    def app(self, authorization: str | None) -> Installation:
        """Find the App that asks in its own name, by one of its installations.

        Raises:
            ApiError: 401 or 404 for a bad JWT.
        """
        app_id = self._app_of(_token_of(authorization or ""))
        found = next((each for each in self._installations.values() if each.app_id == app_id), None)
        if found is None:
            raise not_found(message="Integration not found")
        return found

    def _app_of(self, token: str) -> str:
        undecodable = ApiError(status=401, message="A JSON web token could not be decoded")
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
            issuer = str(claims.get("iss"))
            if issuer not in self._keys:
                raise not_found(message="Integration not found")
            # The library compares times with the machine's clock. The double's clock is injected, so times are checked
            # below.
            times: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_iss": False}
            jwt.decode(token, self._keys[issuer], algorithms=["RS256"], options=times)
        except jwt.InvalidTokenError as error:
            raise undecodable from error
        self._check_times(issued=claims.get("iat"), expires=claims.get("exp"))
        return issuer

    def _check_times(self, *, issued: object, expires: object) -> None:
        now = self._clock()
        if not isinstance(issued, (int, float)) or issued > now:
            raise ApiError(
                status=401,
                message="'Issued at' claim ('iat') must be an Integer representing the time that the assertion was "
                "issued",
            )
        if not isinstance(expires, (int, float)) or expires <= now:
            raise ApiError(
                status=401,
                message="'Expiration time' claim ('exp') must be a numeric value representing the future time at which "
                "the assertion expires",
            )
        if expires > now + MAX_JWT_LIFETIME_S:
            raise ApiError(status=401, message="'Expiration time' claim ('exp') is too far in the future")


def _token_of(authorization: str) -> str:
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return value.strip() if scheme.lower() in {"bearer", "token"} else ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password or user

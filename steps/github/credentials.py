"""GitHub's credentials: a token or a GitHub App, from files that are mounted from a Secret.

Guarantees that what they are is never shown, and that a wrong key is found before it is used. An App's installation
token is handed from the pod's first container to its second through a file on a memory-backed volume, readable by their
user alone, which saves the second one a sign-in; the App's private key, which is worth more, is mounted in both anyway.
"""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from github import Auth
from jwt.exceptions import PyJWTError

from steps.core import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# A token is good for an hour; the second container starts within minutes of the first.
_FRESH_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHandoff:
    """The file in which an App's token waits for the pod's other container."""

    path: Path

    def leave(self, auth: Auth.Auth) -> None:
        """Leave the token of an App, if none is there; a token of the Secret's own needs no second copy."""
        if not isinstance(auth, Auth.AppInstallationAuth):
            return
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(self.path, flags, 0o600), "w") as file:
                file.write(auth.token)
        except OSError:
            return  # the other container then signs in itself

    def take(self) -> Auth.Auth | None:
        """The token that was left, if it is fresh and nobody else could have put it there."""
        try:
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
                found = os.fstat(file.fileno())
                token = file.read()
        except OSError:
            return None
        ours = found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o600  # noqa: PLR2004 - rw for us alone
        fresh = 0 <= time.time() - found.st_mtime < _FRESH_S
        return Auth.Token(token) if token and ours and fresh else None


def app_id(folder: Path) -> str:
    """Id of the App whose credentials are mounted; empty if a token is, or nothing."""
    path = folder / "app-id"
    return "" if (folder / "token").is_file() or not path.is_file() else path.read_text().strip()


def mounted_credentials(folder: Path, *, handover: TokenHandoff | None = None) -> Auth.Auth:
    """The credentials mounted from the Secret, or the token that the pod's other container has left.

    Raises:
        ForbiddenError: There are none, or only part of them. Never says what they are.
    """
    found = (
        {path.name: path.read_text().strip() for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}
    )
    return build_credentials(found, where=str(folder), handover=handover)


def build_credentials(
    found: Mapping[str, str],
    *,
    where: str,
    handover: TokenHandoff | None = None,
    permissions: Mapping[str, str] | None = None,
) -> Auth.Auth:
    """Credentials from the Secret's values, by their keys.

    Args:
        found: The values, without white space around them.
        where: Where they are, for the error.
        handover: Where another container may have left a token.
        permissions: What an App's token shall be good for; all that it was given if none is named.

    Raises:
        ForbiddenError: There are none, or only part of them. Never says what they are.
    """
    if token := found.get("token"):
        return Auth.Token(token)
    if handover and (left := handover.take()):
        return left
    needed = ("app-id", "installation-id", "private-key.pem")
    missing = [name for name in needed if not found.get(name)]
    if len(missing) == len(needed):
        raise ForbiddenError(
            f"no GitHub credentials in {where}: create the Secret with `token`, or with {', '.join(needed)}"
        )
    if missing:
        raise ForbiddenError(
            f"the GitHub App's credentials in {where} lack {', '.join(missing)}: add them to the Secret"
        )
    if not found["installation-id"].isdigit():
        raise ForbiddenError(f"installation-id in {where} is not a number: correct the Secret")
    app = Auth.AppAuth(found["app-id"], found["private-key.pem"])
    try:
        app.create_jwt()
    except (PyJWTError, ValueError, TypeError) as error:
        raise ForbiddenError(f"private-key.pem in {where} is not a private key in PEM: correct the Secret") from error
    wanted = dict(permissions) if permissions else None
    return app.get_installation_auth(int(found["installation-id"]), token_permissions=wanted)

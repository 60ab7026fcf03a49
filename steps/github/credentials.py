"""GitHub's credentials: a token or a GitHub App, from files that are mounted from a Secret.

Guarantees that no error shows a credential, and that a wrong key is found before it is used. The pod's first container
hands an App's installation token to the second through a file on a memory-backed volume that only their user can read.
That saves the second container a sign-in. Both containers mount the App's private key, which is worth more.
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

# A token is valid for an hour; the second container starts within minutes of the first.
_FRESH_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHandoff:
    """The file that hands an App's token to the pod's other container."""

    path: Path

    def leave(self, auth: Auth.Auth) -> None:
        """Write the token of an App, unless the file exists. The other container reads a token of the Secret itself."""
        if not isinstance(auth, Auth.AppInstallationAuth):
            return
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(self.path, flags, 0o600), "w") as file:
                file.write(auth.token)
        except OSError:
            return  # the other container signs in itself

    def take(self) -> Auth.Auth | None:
        """Return the token, if the file is recent and only this user could have written it."""
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
    """Return the id of the App whose credentials are mounted; empty for a token, or without credentials."""
    path = folder / "app-id"
    return "" if (folder / "token").is_file() or not path.is_file() else path.read_text().strip()


def mounted_credentials(folder: Path, *, handover: TokenHandoff | None = None) -> Auth.Auth:
    """Return the credentials of the mounted Secret, or the token from the pod's other container.

    Raises:
        ForbiddenError: The credentials are missing or incomplete.
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
    """Return the credentials that the values of a Secret hold.

    Args:
        found: The values by key, without white space around them.
        where: The place of the values, for the error.
        handover: The file that may hold a token of the pod's other container.
        permissions: Permissions of an App's token; None for all that the App has.

    Raises:
        ForbiddenError: The credentials are missing or incomplete.
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

"""GitHub's credentials: a token or a GitHub App, from files that are mounted from a Secret.

Guarantees that no error shows a credential, and that a wrong key is found before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from github import Auth
from jwt.exceptions import PyJWTError

from steps.core import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def app_id(folder: Path) -> str:
    """Return the id of the App whose credentials are mounted; empty for a token, or without credentials."""
    path = folder / "app-id"
    return "" if (folder / "token").is_file() or not path.is_file() else path.read_text().strip()


def mounted_credentials(folder: Path) -> Auth.Auth:
    """Return the credentials of the mounted Secret.

    Raises:
        ForbiddenError: The credentials are missing or incomplete.
    """
    found = (
        {path.name: path.read_text().strip() for path in folder.iterdir() if path.is_file()} if folder.is_dir() else {}
    )
    return build_credentials(found, where=str(folder))


def build_credentials(
    found: Mapping[str, str],
    *,
    where: str,
    permissions: Mapping[str, str] | None = None,
) -> Auth.Auth:
    """Return the credentials that the values of a Secret hold.

    Args:
        found: The values by key, without white space around them.
        where: The place of the values, for the error.
        permissions: Permissions of an App's token; None for all that the App has.

    Raises:
        ForbiddenError: The credentials are missing or incomplete.
    """
    if token := found.get("token"):
        return Auth.Token(token)
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

"""GitHub's credentials: a token or a GitHub App, from files that are mounted from a Secret.

Guarantees that no error shows a credential, and that a wrong key, or a value that no request can carry, is found before
it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from github import Auth
from jwt.exceptions import PyJWTError

from steps.core import ForbiddenError, is_header_value
from steps.github.secret_files import read_secret_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TOKEN = "token"  # noqa: S105 - the key
_KEY = "private-key.pem"
_APP = ("app-id", "installation-id", _KEY)


def app_id(folder: Path) -> str:
    """Return the id of the App whose credentials are mounted; empty for a token, or without credentials."""
    path = folder / "app-id"
    return "" if (folder / _TOKEN).is_file() or not path.is_file() else read_secret_file(path)


def mounted_credentials(folder: Path) -> Auth.Auth:
    """Return the credentials of the mounted Secret.

    Raises:
        ForbiddenError: The credentials are missing, incomplete, or not as GitHub gave them.
    """
    found = {path.name: read_secret_file(path) for key in (_TOKEN, *_APP) if (path := folder / key).is_file()}
    return build_credentials(found, where=str(folder))


def build_credentials(
    found: Mapping[str, str],
    *,
    where: str,
    permissions: Mapping[str, str] | None = None,
) -> Auth.Auth:
    """Return the credentials that the values of a Secret hold.

    Args:
        found: The values by key. White space around a value is ignored: files end with a newline.
        where: The place of the values, for the error.
        permissions: Permissions of an App's token; None for all that the App has.

    Raises:
        ForbiddenError: The credentials are missing, incomplete, or not as GitHub gave them.
    """
    values = {key: text.strip() for key in (_TOKEN, *_APP) if (text := found.get(key))}
    if token := values.get(_TOKEN):
        _check_text(token, name=_TOKEN, where=where)
        return Auth.Token(token)
    missing = [name for name in _APP if not values.get(name)]
    if len(missing) == len(_APP):
        raise ForbiddenError(
            f"no GitHub credentials in {where}: create the Secret with `token`, or with {', '.join(_APP)}"
        )
    if missing:
        raise ForbiddenError(
            f"the GitHub App's credentials in {where} lack {', '.join(missing)}: add them to the Secret"
        )
    for name, text in values.items():
        _check_text(text, name=name, where=where)
    if not values["installation-id"].isdigit():
        raise ForbiddenError(f"installation-id in {where} is not a number: correct the Secret")
    app = Auth.AppAuth(values["app-id"], values[_KEY])
    try:
        app.create_jwt()
    except (PyJWTError, ValueError, TypeError) as error:
        raise ForbiddenError(f"{_KEY} in {where} is not a private key in PEM: correct the Secret") from error
    wanted = dict(permissions) if permissions else None
    return app.get_installation_auth(int(values["installation-id"]), token_permissions=wanted)


def _check_text(text: str, *, name: str, where: str) -> None:
    """Check that a request can carry a value.

    Raises:
        ForbiddenError: It has a character that only a shell, an editor or a web page can have put there.
    """
    # A key in PEM has lines, and spaces in the first and the last.
    words = text.splitlines() if name == _KEY else [text]
    if not all(is_header_value(each) for each in words) or (name != _KEY and " " in text):
        raise ForbiddenError(
            f"{name} in {where} holds a character that it cannot have, such as a line break, a space or a typographic "
            "quotation mark: write it again, as plain ASCII text (PowerShell's > writes UTF-16)"
        )

"""What a redirect of GitHub's API means: a renamed repository, a wrong address, or another server in between.

Guarantees that an error names at most the host of the target, whose query could carry a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from steps.core import BadInputError, RepositoryMovedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.parse import SplitResult

_ASKED = re.compile(r"/repos/([^/]+/[^/]+)")
_REPOSITORY = re.compile(r"/repositories/\d+(?=/|$)|/repos/[^/]+/[^/]+")
_PERMANENT = (301, 308)
_PORTS = {"http": 80, "https": 443}


def moved(repository: str, *, now: str = "") -> RepositoryMovedError:
    """Return the error for a repository that has another name now.

    Args:
        repository: The name in the request.
        now: The name that GitHub gives, if it is known.
    """
    whereto = f" to {now}" if now else ""
    return RepositoryMovedError(
        f"GitHub renamed or transferred the repository {repository}{whereto}: correct events.repositories and the "
        "repository of the agent runs"
    )


def error_of_redirect(
    asked: str, *, path: str, status: int, location: str, api_url: str, name_of: Callable[[str], str]
) -> RepositoryMovedError | BadInputError | UnavailableError:
    """Return the error for a redirect.

    Args:
        asked: Verb and path, for the text.
        path: The path of the request.
        status: The HTTP status.
        location: The target; empty if the answer named none.
        api_url: The setting.
        name_of: Returns the full name of the repository at a path of the API; empty if GitHub does not say.
    """
    here, there = urlsplit(api_url), _target(api_url.rstrip("/") + path, location)
    repository, target = _ASKED.match(path), _REPOSITORY.search(there.path) if there else None
    if there and repository and target and _server(here) == _server(there):
        name = unquote(repository[1])
        if target[0].casefold() != repository[0].casefold():
            return moved(name, now=name_of(target[0]))
    text = f"GitHub: {asked}: {status}"
    if there and here.scheme == "http" and there.scheme == "https" and here.hostname == there.hostname:
        return BadInputError(f"{text}: github.api_url begins with http, and the server wants https: correct it")
    host = there.hostname if there and location else None
    whereto = f"redirected to {host}" if host else "a redirect without target"
    if status in _PERMANENT:
        return BadInputError(f"{text}: {whereto}: correct github.api_url, it is not the address of GitHub's API")
    return UnavailableError(
        f"{text}: {whereto}: check github.api_url and github.proxy; a login page or a proxy may have answered"
    )


def _target(asked: str, location: str) -> SplitResult | None:
    """Return where a redirect leads; None for an address that cannot be parsed."""
    try:
        parts = urlsplit(urljoin(asked, location))
        parts.port  # noqa: B018 - it is checked when it is read
    except ValueError:
        return None
    return parts


def _server(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)

"""The repository that a text of a run or of a checkout names, and its server.

Guarantees that a repository of another server is never taken for one of GitHub's, and that a reference, a query or a
password in the text changes nothing. A text without a server names a repository of GitHub. Not guaranteed: that the
repository exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# scheme://user@host:port/path; a file has no host, and a path of this machine names no repository.
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^/]*@)?([^/@:]+)(?::[0-9]*/|[:/])(.*)", re.IGNORECASE)
# user@host:path, as scp writes it.
_SCP = re.compile(r"(?:[^/@:]*@)?([^/@:]+):(?!//)(.*)")
# host/owner/name, as Go writes it. No owner has a dot.
_BARE = re.compile(r"(?:[^/@:]*@)?([^/@:]+\.[^/@:]+)/([^/]+/.*)")
_NAME = re.compile(r"[^/:]+/[^/:]+")
# What follows a repository in the address of one of its pages.
_PAGES = frozenset({"tree", "blob", "raw", "commit", "commits", "pull", "archive"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAddress:
    """A repository and its server.

    Attributes:
        name: As owner/name; empty if the text names none.
        host: The server's host in lower case, without its port; empty if the text has none.
    """

    name: str
    host: str = ""

    def is_on(self, hosts: Collection[str]) -> bool:
        """Whether the repository is on one of these servers, or on no named one."""
        return not self.host or self.host in hosts

    def name_for_person(self, hosts: Collection[str]) -> str:
        """Return the name of a person's checkout; empty if it is on another server.

        A host without a dot is an alias in the person's ssh configuration, so its server is not known.
        """
        return self.name if self.is_on(hosts) or "." not in self.host else ""


def parse_repository(text: str) -> RepositoryAddress:
    """Read a URL, an address of git, or owner/name."""
    bare = re.split(r"[?#]", text.strip(), maxsplit=1)[0]
    for pattern in (_URL, _SCP, _BARE):
        if found := pattern.fullmatch(bare):
            host, path = found.groups()
            return RepositoryAddress(name=_named(path, nested=True), host=host.casefold())
    return RepositoryAddress(name=_named(bare, nested=False))


def _named(path: str, *, nested: bool) -> str:
    """Return the repository of a path.

    Args:
        path: The path.
        nested: Whether folders may precede the owner, as behind a proxy for git.
    """
    name = path.removesuffix("/")
    if nested:
        parts = [each for each in path.split("/") if each]
        name = "/".join(parts[:2] if _PAGES.intersection(parts[2:3]) else parts[-2:])
    name = re.sub(r"\.git$", "", name, flags=re.IGNORECASE)
    return name if _NAME.fullmatch(name) else ""

"""Permissions of a principal by level, and the repositories that its token reaches.

Guarantees: what a principal may not see answers like what does not exist. Does not: model OAuth scopes or roles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.doubles.github.messages import ApiError, not_found

if TYPE_CHECKING:
    from tests.doubles.github.world import App, Repository

Permissions = Mapping[str, str]
EVERYTHING: Permissions = {"metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write"}
RANKS = {"read": 1, "write": 2, "admin": 3}
_KINDS = {
    "user": "Resource not accessible by personal access token",
    "installation": "Resource not accessible by integration",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who stands behind a token. Limits are counted per `name`, however many tokens it has."""

    kind: Literal["user", "installation"]
    id: str
    permissions: Permissions
    repositories: frozenset[str] | None
    """Folded full names that the token reaches; None is all of them."""
    expires_at: float | None
    app: App | None = None
    """Whose installation it is."""

    @property
    def login(self) -> str:
        """Name the account that what it writes is written by."""
        return f"{self.app.slug}[bot]" if self.app else self.id

    @property
    def name(self) -> str:
        """Name the principal in call records."""
        return f"{self.kind}:{self.id}"

    def reaches(self, repository: Repository) -> bool:
        """Say whether the repository is among those that the token was made for."""
        return self.repositories is None or repository.full_name.lower() in self.repositories

    def may(self, *, permission: str, level: str) -> bool:
        """Say whether the token carries the permission at that level or above."""
        return RANKS.get(self.permissions.get(permission, ""), 0) >= RANKS[level]


def authorize(
    principal: Principal | None, repository: Repository | None, *, needs: tuple[tuple[str, str], ...]
) -> Repository:
    """Check that the principal may do one of `needs` in the repository, and give the repository.

    Raises:
        ApiError: 404 when it may not read the repository, 401 or 403 when it may read and not write.
    """
    visible = repository is not None and (
        not repository.private or (principal is not None and principal.reaches(repository))
    )
    if repository is None or not visible:
        raise not_found()
    reads_only = all(level == "read" for _, level in needs)
    if principal is None:
        if reads_only and not repository.private:
            return repository
        raise ApiError(status=401, message="Requires authentication")
    public_read = reads_only and not repository.private
    granted = principal.reaches(repository) and any(principal.may(permission=key, level=level) for key, level in needs)
    if not (public_read or granted):
        accepted = "; ".join(f"{key}={level}" for key, level in needs)
        raise ApiError(status=403, message=_KINDS[principal.kind], headers={"x-accepted-github-permissions": accepted})
    return repository

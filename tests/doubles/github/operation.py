"""One request on its way through the API, with everything that an endpoint needs to answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.doubles.github.answers import Answers
from tests.doubles.github.messages import not_found
from tests.doubles.github.permissions import Principal, authorize

if TYPE_CHECKING:
    from tests.doubles.github.access import Access
    from tests.doubles.github.limits import Limits
    from tests.doubles.github.messages import Request
    from tests.doubles.github.world import PullRequest, Repository, World

Parts = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request on its way through the API."""

    request: Request
    principal: Principal | None
    world: World
    access: Access
    limits: Limits
    now: float

    @property
    def answers(self) -> Answers:
        """Render for this client."""
        return Answers(world=self.world, base_url=self.request.base_url)

    def repository(self, parts: Parts, *, needs: tuple[tuple[str, str], ...]) -> Repository:
        """Find the repository in the path, as far as the principal may."""
        return authorize(self.principal, self.world.repository(f"{parts['owner']}/{parts['repo']}"), needs=needs)


def pull_of(repository: Repository, parts: Parts, *, documentation: str) -> PullRequest:
    """Find the pull request in the path.

    Raises:
        ApiError: 404.
    """
    pull = repository.pulls.get(int(parts["number"]))
    if pull is None:
        raise not_found(documentation=documentation)
    return pull

"""GitHub as a laptop asks it: with a token of its user's, and without touching the breaker that the pods share.

The way there is the laptop's own: HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE count, the settings' proxy does not.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipelines.client.kubeconfig import silent_audit
from steps.core import BadInputError, NotFoundError, SystemClock
from steps.github import GitHub, build_credentials, environment_connection
from steps.telemetry import Measurements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.settings import GitHubSettings

_PATIENCE_S = 15.0
_PAGE, _PAGES = 100, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What an open pull request is about."""

    number: int
    branch: str
    sha: str
    labels: tuple[str, ...]


class _Unguarded:
    """A circuit breaker that never opens: a server that a laptop cannot reach may be reachable from the pods."""

    def enter(self) -> float:
        """Ask at once."""
        return 0.0

    def failed(self) -> bool:
        """Try again."""
        return True

    def limited(self, wait_s: float) -> None:
        """Report to nobody."""

    def succeeded(self) -> None:
        """Report to nobody."""


class PersonalGitHub(GitHub):
    """GitHub, and what only a person asks of it."""

    def head(self, *, repository: str, number: int) -> Head:
        """Head of an open pull request.

        Raises:
            BadInputError: There is no such pull request, it is closed, or its branch is in a fork.
        """
        try:
            pull = self._ask("GET", f"/repos/{repository}/pulls/{number}")
        except NotFoundError as error:
            raise BadInputError(f"{repository} has no pull request #{number}, or the token may not see it") from error
        if pull["state"] != "open":
            raise BadInputError(f"pull request #{number} of {repository} is {pull['state']}: nobody works on it")
        if (home := _home(pull)) != repository.casefold():
            raise BadInputError(f"the branch of pull request #{number} is in {home}: a fork's branch is no task's")
        return _head(pull)

    def heads(self, *, repository: str) -> Iterator[Head]:
        """Heads of the open pull requests from this very repository, the newest first; two thousand at most.

        Raises:
            BadInputError: There is no such repository.
        """
        for page in range(1, _PAGES + 1):
            query = {"state": "open", "per_page": str(_PAGE), "page": str(page)}
            try:
                found = self._ask("GET", f"/repos/{repository}/pulls", parameters=query)
            except NotFoundError as error:
                raise BadInputError(f"GitHub has no repository {repository}, or the token may not see it") from error
            yield from (_head(pull) for pull in found if _home(pull) == repository.casefold())
            if len(found) < _PAGE:
                return


def _head(pull: dict[str, Any]) -> Head:
    labels = tuple(label["name"] for label in pull["labels"])
    return Head(number=pull["number"], branch=pull["head"]["ref"], sha=pull["head"]["sha"], labels=labels)


def _home(pull: dict[str, Any]) -> str:
    """The repository that a pull request's branch is in."""
    return ((pull["head"]["repo"] or {}).get("full_name") or "a fork that is gone").casefold()


def connect_github(
    settings: GitHubSettings, *, found: Mapping[str, str], where: str, permissions: Mapping[str, str] | None = None
) -> PersonalGitHub:
    """Connect with the values of a Secret, or a `token`.

    Args:
        settings: Where GitHub is.
        found: The credentials, as a Secret holds them.
        where: Where they are, for the error.
        permissions: What an App's token has to be good for.

    Raises:
        BadInputError: REQUESTS_CA_BUNDLE names a file that is not there.
        ForbiddenError: There are no credentials, or only part of them.
    """
    return PersonalGitHub(
        auth=build_credentials(found, where=where, permissions=permissions),
        settings=replace(settings, attempts=2, deadline_s=_PATIENCE_S),
        clock=SystemClock(),
        random=random.random,
        while_waiting=lambda: None,
        breaker=_Unguarded(),
        measurements=Measurements(),
        audit=silent_audit(),
        route=environment_connection(os.environ),
    )

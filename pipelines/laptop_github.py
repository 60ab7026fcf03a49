"""GitHub as a laptop asks it: with a token of its user's, and without touching the breaker that the pods share.

The way there is the laptop's own: HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE count, the settings' proxy does not.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from pipelines.laptop import silent
from steps.breaker import Breaker
from steps.clock import SystemClock
from steps.credentials import sign_in
from steps.errors import BadInputError, NotFoundError
from steps.github import GitHub
from steps.measurements import Measurements
from steps.route import of_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.settings import GitHubRules

_PATIENCE_S = 15.0


class _Alone(Breaker):
    """No breaker: what cannot be reached from here may well be from the pods, which share theirs."""

    def __init__(self) -> None:
        """Know of nothing."""

    def enter(self) -> float:
        """Ask at once."""
        return 0.0

    def failed(self) -> bool:
        """Try again."""
        return True

    def limited(self, wait_s: float) -> None:
        """Tell nobody."""

    def succeeded(self) -> None:
        """Tell nobody."""


class LaptopGitHub(GitHub):
    """GitHub, and what only a person asks of it."""

    def head(self, *, repository: str, number: int) -> tuple[str, str]:
        """Branch and commit of an open pull request's head.

        Raises:
            BadInputError: There is no such pull request, it is closed, or its branch is in a fork.
        """
        try:
            pull = self._ask("GET", f"/repos/{repository}/pulls/{number}")
        except NotFoundError as error:
            raise BadInputError(f"{repository} has no pull request #{number}, or the token may not see it") from error
        if pull["state"] != "open":
            raise BadInputError(f"pull request #{number} of {repository} is {pull['state']}: nobody works on it")
        home = ((pull["head"]["repo"] or {}).get("full_name") or "a fork that is gone").casefold()
        if home != repository.casefold():
            raise BadInputError(f"the branch of pull request #{number} is in {home}: a fork's branch is no task's")
        return pull["head"]["ref"], pull["head"]["sha"]


def connect(
    rules: GitHubRules, *, found: Mapping[str, str], where: str, permissions: Mapping[str, str] | None = None
) -> LaptopGitHub:
    """Connect with the values of a Secret, or a `token`.

    Args:
        rules: Where GitHub is.
        found: The credentials, as a Secret holds them.
        where: Where they are, for the error.
        permissions: What an App's token has to be good for.

    Raises:
        BadInputError: REQUESTS_CA_BUNDLE names a file that is not there.
        ForbiddenError: There are no credentials, or only part of them.
    """
    return LaptopGitHub(
        auth=sign_in(found, where=where, permissions=permissions),
        rules=replace(rules, attempts=2, deadline_s=_PATIENCE_S),
        clock=SystemClock(),
        random=random.random,
        keep=lambda: None,
        breaker=_Alone(),
        measurements=Measurements(),
        audit=silent(),
        route=of_environment(os.environ),
    )

"""GitHub from a laptop: with the user's token, and without the circuit breaker that the pods share.

HTTPS_PROXY, NO_PROXY and REQUESTS_CA_BUNDLE of the laptop count; the proxy of the settings does not.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from github import Auth

from pipelines.client.kubeconfig import silent_audit
from steps.core import BadInputError, NotFoundError, SystemClock
from steps.github import GitHub, SignIn, build_credentials, environment_connection
from steps.telemetry import Measurements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steps.settings import GitHubSettings

_DEADLINE_S = 15.0
_PAGE, _PAGES = 100, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Head of an open pull request."""

    number: int
    branch: str
    sha: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """Webhook of a repository."""

    events: tuple[str, ...]
    active: bool


class NoBreaker:
    """A circuit breaker that lets every request pass: failures of a laptop's network must not affect the pods."""

    def enter(self) -> float:
        """Let the request pass at once."""
        return 0.0

    def failed(self) -> bool:
        """Allow a retry."""
        return True

    def limited(self, wait_s: float) -> None:
        """Record nothing."""

    def succeeded(self) -> None:
        """Record nothing."""


class PersonalGitHub(GitHub):
    """GitHub, with the requests that only a person makes."""

    def head(self, *, repository: str, number: int) -> Head:
        """Read the head of an open pull request.

        Raises:
            BadInputError: The pull request does not exist, is closed, or has its branch in a fork.
        """
        try:
            pull = self._ask("GET", f"/repos/{repository}/pulls/{number}")
        except NotFoundError as error:
            raise BadInputError(
                f"{repository} has no pull request #{number}, or the token cannot see it: give another --pr, or a "
                "token that can read the repository"
            ) from error
        if pull["state"] != "open":
            raise BadInputError(f"pull request #{number} of {repository} is {pull['state']}: give an open one")
        if (home := _home(pull)) != repository.casefold():
            raise BadInputError(
                f"the branch of pull request #{number} is in {home}: branches of forks have no tasks; push it to "
                f"{repository}"
            )
        return _head(pull)

    def heads(self, *, repository: str) -> Iterator[Head]:
        """List the heads of the open pull requests whose branch is in this repository, the newest first.

        Lists two thousand at most.

        Raises:
            BadInputError: The repository does not exist.
        """
        for page in range(1, _PAGES + 1):
            query = {"state": "open", "per_page": str(_PAGE), "page": str(page)}
            try:
                found = self._ask("GET", f"/repos/{repository}/pulls", parameters=query)
            except NotFoundError as error:
                raise BadInputError(
                    f"GitHub has no repository {repository}, or the token cannot see it: give another --repository, or "
                    "a token that can read it"
                ) from error
            yield from (_head(pull) for pull in found if _home(pull) == repository.casefold())
            if len(found) < _PAGE:
                return

    def has_label(self, *, repository: str, label: str) -> bool:
        """Whether a repository has a label. One that the token may not see has none."""
        try:
            self._ask("GET", f"/repos/{repository}/labels/{quote(label, safe='')}")
        except NotFoundError:
            return False
        return True

    def hooks(self, *, repository: str) -> list[Hook]:
        """List the webhooks of a repository, a hundred at most.

        Raises:
            NotFoundError: The token may not see the repository or its webhooks.
            ForbiddenError: The App may not read webhooks.
        """
        found = self._ask("GET", f"/repos/{repository}/hooks", parameters={"per_page": str(_PAGE)})
        return [Hook(events=tuple(each["events"]), active=each["active"]) for each in found]

    def app_events(self) -> tuple[str, ...]:
        """Return the events that the App's own webhook sends; none if it has no webhook. For `connect_app` only."""
        return tuple(self._ask("GET", "/app")["events"])


def _head(pull: dict[str, Any]) -> Head:
    labels = tuple(label["name"] for label in pull["labels"])
    return Head(number=pull["number"], branch=pull["head"]["ref"], sha=pull["head"]["sha"], labels=labels)


def _home(pull: dict[str, Any]) -> str:
    """Return the repository of a pull request's branch."""
    return ((pull["head"]["repo"] or {}).get("full_name") or "a deleted fork").casefold()


def connect_github(
    settings: GitHubSettings, *, found: Mapping[str, str], where: str, permissions: Mapping[str, str] | None = None
) -> PersonalGitHub:
    """Connect with the values of a Secret, or with a `token`.

    Args:
        settings: GitHub's address.
        found: The credentials, with the keys of the Secret.
        where: Source of the credentials, for the error.
        permissions: Permissions that an App's token must have.

    Raises:
        BadInputError: REQUESTS_CA_BUNDLE names a missing file.
        ForbiddenError: The credentials are missing or incomplete.
    """
    return _connect(settings, auth=build_credentials(found, where=where, permissions=permissions))


def connect_app(settings: GitHubSettings, *, found: Mapping[str, str], where: str) -> PersonalGitHub:
    """Connect as the App itself, which sees its own settings and no repository.

    Args:
        settings: GitHub's address.
        found: The App's credentials, with the keys of the Secret.
        where: Source of the credentials, for the error.

    Raises:
        BadInputError: REQUESTS_CA_BUNDLE names a missing file.
        ForbiddenError: The credentials are missing or incomplete.
    """
    build_credentials(found, where=where)
    return _connect(settings, auth=Auth.AppAuth(found["app-id"].strip(), found["private-key.pem"].strip()))


def _connect(settings: GitHubSettings, *, auth: Auth.Auth) -> PersonalGitHub:
    clock = SystemClock()
    return PersonalGitHub(
        sign_in=SignIn(auth, clock=clock),
        settings=replace(settings, attempts=2, deadline_s=_DEADLINE_S),
        clock=clock,
        random=random.random,
        while_waiting=lambda: None,
        breaker=NoBreaker(),
        measurements=Measurements(),
        audit=silent_audit(),
        route=environment_connection(os.environ),
        lag_s=0,
    )

"""Reads pull requests: those of a branch, the latest of a repository, one by its number.

Guarantees that every pull request is of the repository in the request, and of a branch in it: pull requests from forks
do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from steps.core import BadInputError, NotFoundError
from steps.github.redirects import moved
from steps.github.rest import RestClient
from steps.github.shapes import (
    UnexpectedShapeError,
    read_branch_pull_request,
    read_items,
    read_object,
    read_pull_request,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.domain import PullRequest
    from steps.github.shapes import BranchPullRequest

T = TypeVar("T")

_PAGE = 100


class PullRequests(RestClient):
    """The pull requests of a repository."""

    def open_pull_requests(self, *, repository: str, branch: str) -> list[PullRequest]:
        """List the open pull requests from a branch of this repository. Branches of forks do not count.

        Raises:
            BadInputError: The repository does not exist, or the credentials may not see it.
            RepositoryMovedError: The repository has another name now.
            UnavailableError: GitHub did not answer, or with something else than these pull requests.
        """
        return self._of_branch(repository, branch=branch, state="open", read=read_pull_request)

    def branch_pull_requests(self, *, repository: str, branch: str) -> list[BranchPullRequest]:
        """List the pull requests from a branch of this repository, open and closed, the latest thirty.

        Raises:
            BadInputError: The repository does not exist, or the credentials may not see it.
            RepositoryMovedError: The repository has another name now.
            UnavailableError: GitHub did not answer, or with something else than these pull requests.
        """
        return self._of_branch(repository, branch=branch, state="all", read=read_branch_pull_request)

    def _of_branch(self, repository: str, *, branch: str, state: str, read: Callable[[object], T]) -> list[T]:
        query = {"state": state, "head": f"{repository.partition('/')[0]}:{branch}"}

        def read_all(document: object) -> list[T]:
            pulls = read_items(document)
            for pull in pulls:
                ref = read_text(pull, "head", "ref")
                if ref.casefold() != branch.casefold():
                    raise UnexpectedShapeError("the list has pull requests of other branches")
                _check_name(pull, repository=repository)
            return [read(pull) for pull in pulls if _is_from(pull, branch=branch)]

        return self._pull_requests(repository, query=query, read=read_all)

    def _pull_requests(self, repository: str, *, query: dict[str, str], read: Callable[[object], list[T]]) -> list[T]:
        try:
            found: list[T] = self._ask("GET", f"/repos/{repository}/pulls", parameters=query, lags=True, read=read)
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub has no repository {repository}, or the credentials may not see it: correct "
                "events.repositories, or give the App or token access to the repository"
            ) from error
        return found

    def latest_pull_requests(
        self, *, repository: str, state: Literal["all", "open"] = "all"
    ) -> list[BranchPullRequest]:
        """List the pull requests from branches of this repository in one request.

        Only the hundred that changed last are listed, the latest first. Opening, labelling and closing are changes.

        Args:
            repository: Its name.
            state: Whether closed ones are listed as well. They count among the hundred.

        Raises:
            BadInputError: The repository does not exist, or the credentials may not see it.
            RepositoryMovedError: The repository has another name now.
            UnavailableError: GitHub did not answer, or with something else than these pull requests.
        """
        query = {"state": state, "sort": "updated", "direction": "desc", "per_page": str(_PAGE)}

        def read(document: object) -> list[BranchPullRequest]:
            pulls = read_items(document)
            for pull in pulls:
                _check_name(pull, repository=repository)
            own = [pull for pull in pulls if _is_from(pull, branch=read_text(pull, "head", "ref"))]
            return [read_branch_pull_request(pull) for pull in own]

        return self._pull_requests(repository, query=query, read=read)

    def pull_request(self, *, repository: str, number: int) -> PullRequest:
        """Read a pull request.

        Raises:
            RepositoryMovedError: The repository has another name now.
        """

        def read(document: object) -> PullRequest:
            _check_name(document, repository=repository)
            return read_pull_request(document)

        found: PullRequest = self._ask("GET", f"/repos/{repository}/pulls/{number}", lags=True, read=read)
        return found

    def branch_pull_request(self, *, repository: str, number: int) -> BranchPullRequest | None:
        """Read a pull request with its branch; None if its branch is in a fork.

        Raises:
            BadInputError: It does not exist, or the credentials may not see it.
            RepositoryMovedError: The repository has another name now.
        """

        def read(document: object) -> BranchPullRequest | None:
            _check_name(document, repository=repository)
            own = _is_from(document, branch=read_text(document, "head", "ref"))
            return read_branch_pull_request(document) if own else None

        try:
            found: BranchPullRequest | None = self._ask(
                "GET", f"/repos/{repository}/pulls/{number}", lags=True, read=read
            )
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub has no pull request {number} in {repository}, or the credentials may not see it: give the "
                "App or token access to the repository"
            ) from error
        return found


def _check_name(pull: object, *, repository: str) -> None:
    """Check that a pull request is of the repository in the request.

    Raises:
        RepositoryMovedError: It is of another one: a server or a proxy on the way followed a redirect.
    """
    now = read_text(pull, "base", "repo", "full_name")
    if now.casefold() != repository.casefold():
        raise moved(repository, now=now)


def _is_from(pull: object, *, branch: str) -> bool:
    """Whether a pull request's branch is in its own repository, and not in a fork."""
    head, base = read_object(pull, "head", "repo"), read_object(pull, "base", "repo")
    same_id = head.get("id") is not None and head.get("id") == base.get("id")
    same_name = str(head.get("full_name") or "").casefold() == str(base.get("full_name")).casefold()
    return read_text(pull, "head", "ref") == branch and (same_id or same_name)

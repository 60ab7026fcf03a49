"""The operations on GitHub: read a pull request, write its labels, keep one comment, list the latest pushes.

Guarantees that a write adds or removes a single label and never replaces the whole set, so no label of others is lost,
and that every operation except `add_comment` may be repeated. GitHub has no preconditions on labels: the caller checks
the Lease right before a write, and the head right after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from steps.core import BadInputError, ForbiddenError, NotFoundError
from steps.github.redirects import moved
from steps.github.rest import RestClient
from steps.github.shapes import (
    UnexpectedShapeError,
    read_activity,
    read_branch_pull_request,
    read_comment,
    read_items,
    read_number,
    read_object,
    read_pull_request,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.domain import PullRequest
    from steps.github.shapes import Activity, BranchPullRequest, IssueComment
    from steps.telemetry import WriteReason

T = TypeVar("T")

_LABEL_GONE = "Label does not exist"
_PAGE, _PAGES = 100, 5


class GitHub(RestClient):
    """A repository's pull requests, their labels, and the comment of the steps."""

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
            found: list[T] = self._ask("GET", f"/repos/{repository}/pulls", parameters=query, read=read)
        except NotFoundError as error:
            raise BadInputError(f"GitHub has no repository {repository}, or the credentials may not see it") from error
        return found

    def latest_pull_requests(self, *, repository: str) -> list[BranchPullRequest]:
        """List the pull requests from branches of this repository, open and closed, in one request.

        Only the hundred that changed last are listed, the latest first. Opening, labelling and closing are changes.

        Raises:
            BadInputError: The repository does not exist, or the credentials may not see it.
            RepositoryMovedError: The repository has another name now.
            UnavailableError: GitHub did not answer, or with something else than these pull requests.
        """
        query = {"state": "all", "sort": "updated", "direction": "desc", "per_page": str(_PAGE)}

        def read(document: object) -> list[BranchPullRequest]:
            pulls = read_items(document)
            for pull in pulls:
                _check_name(pull, repository=repository)
            own = [pull for pull in pulls if _is_from(pull, branch=read_text(pull, "head", "ref"))]
            return [read_branch_pull_request(pull) for pull in own]

        return self._pull_requests(repository, query=query, read=read)

    def activity(self, *, repository: str) -> list[Activity]:
        """List the latest changes of a repository's branches within a day, newest first: one page of a hundred.

        Raises:
            BadInputError: The repository does not exist, or the credentials may not see it.
            RepositoryMovedError: The repository has another name now.
            ForbiddenError: The credentials may not read contents.
        """
        return self._activity(repository, query={"time_period": "day"})

    def branch_activity(self, *, repository: str, ref: str) -> list[Activity]:
        """List the latest hundred changes of a branch, newest first.

        Raises:
            BadInputError: The repository does not exist, or the credentials may not see it.
            RepositoryMovedError: The repository has another name now.
            ForbiddenError: The credentials may not read contents.
            UnavailableError: GitHub did not answer, or with something else than the changes of this branch.
        """
        return self._activity(repository, query={"ref": ref}, ref=ref)

    def _activity(self, repository: str, *, query: dict[str, str], ref: str = "") -> list[Activity]:
        def read(document: object) -> list[Activity]:
            found = [read_activity(entry) for entry in read_items(document)]
            if ref and any(each.ref != ref for each in found):
                raise UnexpectedShapeError("the list has changes of other branches")
            return found

        query = query | {"per_page": str(_PAGE)}
        try:
            found: list[Activity] = self._ask("GET", f"/repos/{repository}/activity", parameters=query, read=read)
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub has no repository {repository}, or the credentials may not see it: was it renamed?"
            ) from error
        except ForbiddenError as error:
            raise ForbiddenError(
                f"GitHub refuses the activity of {repository}: give the App or token read access to contents ({error})"
            ) from error
        return found

    def pull_request(self, *, repository: str, number: int) -> PullRequest:
        """Read a pull request.

        Raises:
            RepositoryMovedError: The repository has another name now.
        """

        def read(document: object) -> PullRequest:
            _check_name(document, repository=repository)
            return read_pull_request(document)

        found: PullRequest = self._ask("GET", f"/repos/{repository}/pulls/{number}", read=read)
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
            found: BranchPullRequest | None = self._ask("GET", f"/repos/{repository}/pulls/{number}", read=read)
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub has no pull request {number} in {repository}, or the credentials may not see it"
            ) from error
        return found

    def permission(self, *, repository: str, login: str) -> str:
        """Return the permission of an account in a repository: admin, write, read or none.

        Raises:
            BadInputError: GitHub does not know the account or the repository, or the credentials may not see them.
        """

        def read(document: object) -> str:
            if read_text(document, "user", "login").casefold() != login.casefold():
                raise UnexpectedShapeError("the permission is of another account")
            return read_text(document, "permission")

        path = f"/repos/{repository}/collaborators/{quote(login, safe='')}/permission"
        try:
            found: str = self._ask("GET", path, read=read)
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub does not know {login} or {repository}, or the credentials may not see them"
            ) from error
        return found

    def add_label(self, *, repository: str, number: int, label: str, reason: WriteReason) -> None:
        """Add one label. A label that is there already stays."""
        self._write(
            "POST",
            f"/repos/{repository}/issues/{number}/labels",
            resource="labels",
            repository=repository,
            name=f"{number}/{label}",
            reason=reason,
            body={"labels": [label]},
            read=read_items,
        )

    def remove_label(self, *, repository: str, number: int, label: str, reason: WriteReason) -> None:
        """Remove one label. A label that is absent stays absent."""
        try:
            path, name = f"/repos/{repository}/issues/{number}/labels/{quote(label, safe='')}", f"{number}/{label}"
            self._write(
                "DELETE", path, resource="labels", repository=repository, name=name, reason=reason, read=read_items
            )
        except NotFoundError as error:
            if _LABEL_GONE not in str(error):
                raise

    def comments(self, *, repository: str, number: int) -> Iterator[IssueComment]:
        """List the comments of a pull request, the oldest first; of a long conversation only the first five hundred."""

        def read(document: object) -> list[IssueComment]:
            return [read_comment(each) for each in read_items(document)]

        for page in range(1, _PAGES + 1):
            query = {"per_page": str(_PAGE), "page": str(page)}
            path = f"/repos/{repository}/issues/{number}/comments"
            found: list[IssueComment] = self._ask("GET", path, parameters=query, read=read)
            yield from found
            if len(found) < _PAGE:
                return

    def is_ours(self, comment: IssueComment) -> bool:
        """Whether the credentials of this connection wrote the comment.

        Raises:
            ForbiddenError: The token may not read its own account.
        """
        if self._app:
            return self._app in comment.app
        if not comment.author:
            return False
        login: str = self._ask("GET", "/user", read=lambda document: read_text(document, "login"))
        return comment.author.casefold() == login.casefold()

    def add_comment(self, *, repository: str, number: int, body: str, reason: WriteReason) -> int:
        """Write a comment and return its id. Without an answer it may exist all the same: look before a repetition."""
        path, sent = f"/repos/{repository}/issues/{number}/comments", {"body": body}
        made: int = self._write(
            "POST",
            path,
            resource="comments",
            repository=repository,
            name=f"{number}",
            reason=reason,
            body=sent,
            read=lambda document: read_number(document, "id"),
        )
        return made

    def edit_comment(self, *, repository: str, comment: int, body: str, reason: WriteReason) -> None:
        """Replace the text of a comment.

        Raises:
            NotFoundError: The comment was deleted.
        """
        path, sent = f"/repos/{repository}/issues/comments/{comment}", {"body": body}
        self._write(
            "PATCH",
            path,
            resource="comments",
            repository=repository,
            name=f"{comment}",
            reason=reason,
            body=sent,
            read=lambda document: read_number(document, "id"),
        )


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

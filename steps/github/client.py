"""GitHub: one pull request read, two label writes, one comment, and what was pushed lately.

Guarantees that nothing but a single label is ever added or removed (the whole set is never written, so nobody else's
label can be lost), and that every operation but the making of a comment may be repeated. GitHub has no preconditions on
labels: the caller checks its hold right before and the head right after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from steps.core import BadInputError, ForbiddenError, NotFoundError, UnavailableError, parse_time
from steps.domain import PullRequest
from steps.github.rest import RestClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from steps.telemetry import WriteReason

_LABEL_GONE = "Label does not exist"
_PAGE, _PAGES = 100, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueComment:
    """A comment on a pull request.

    Attributes:
        app: Id and client id of the App that wrote it in its own name; empty if a person did.
    """

    id: int
    body: str
    author: str
    app: tuple[str, ...]


class GitHub(RestClient):
    """A repository's pull requests, their labels and our comment."""

    def open_pull_requests(self, *, repository: str, branch: str) -> list[PullRequest]:
        """Open pull requests from this branch of this very repository: forks' branches of the same name are others.

        Raises:
            BadInputError: The repository does not exist, or the credentials may not see it.
        """
        owner = repository.partition("/")[0]
        query = {"state": "open", "head": f"{owner}:{branch}"}
        try:
            found = self._ask("GET", f"/repos/{repository}/pulls", parameters=query)
        except NotFoundError as error:
            raise BadInputError(f"GitHub has no repository {repository}, or the credentials may not see it") from error
        return [
            _pull_request(pull)
            for pull in found
            if ((pull["head"]["repo"] or {}).get("full_name") or "").casefold() == repository.casefold()
        ]

    def activity(self, *, repository: str) -> list[Activity]:
        """The latest changes of a repository's branches within a day, newest first: one page of a hundred.

        Raises:
            BadInputError: The repository does not exist, or the credentials may not see it.
            ForbiddenError: The credentials may not read contents.
        """
        query = {"time_period": "day", "per_page": "100"}
        try:
            found = self._ask("GET", f"/repos/{repository}/activity", parameters=query)
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub has no repository {repository}, or the credentials may not see it: was it renamed?"
            ) from error
        except ForbiddenError as error:
            raise ForbiddenError(
                f"GitHub refuses the activity of {repository}: give the App or token read access to contents, or set "
                "reconcile.ask_github to false"
            ) from error
        try:
            return [_activity(entry) for entry in found]
        except (KeyError, TypeError, ValueError) as error:
            raise UnavailableError(f"GitHub's activity of {repository} is not as documented") from error

    def pull_request(self, *, repository: str, number: int) -> PullRequest:
        """A pull request now."""
        return _pull_request(self._ask("GET", f"/repos/{repository}/pulls/{number}"))

    def add_label(self, *, repository: str, number: int, label: str, reason: WriteReason) -> None:
        """Add one label; there already is fine."""
        path, name = f"/repos/{repository}/issues/{number}/labels", f"{number}/{label}"
        body = {"labels": [label]}
        self._write("POST", path, resource="labels", repository=repository, name=name, reason=reason, body=body)

    def remove_label(self, *, repository: str, number: int, label: str, reason: WriteReason) -> None:
        """Remove one label; absent is fine."""
        try:
            path, name = f"/repos/{repository}/issues/{number}/labels/{quote(label, safe='')}", f"{number}/{label}"
            self._write("DELETE", path, resource="labels", repository=repository, name=name, reason=reason)
        except NotFoundError as error:
            if _LABEL_GONE not in str(error):
                raise

    def comments(self, *, repository: str, number: int) -> Iterator[IssueComment]:
        """The comments of a pull request, the oldest first; of a long conversation only the first five hundred."""
        for page in range(1, _PAGES + 1):
            query = {"per_page": str(_PAGE), "page": str(page)}
            found = self._ask("GET", f"/repos/{repository}/issues/{number}/comments", parameters=query)
            yield from map(_comment, found)
            if len(found) < _PAGE:
                return

    def is_ours(self, comment: IssueComment) -> bool:
        """Whether it was written by whoever is signed in here.

        Raises:
            ForbiddenError: The token may not even say whose it is.
        """
        if self._app:
            return self._app in comment.app
        return bool(comment.author) and comment.author == self._ask("GET", "/user")["login"]

    def add_comment(self, *, repository: str, number: int, body: str, reason: WriteReason) -> int:
        """Write a comment and give its id. Without an answer it may be there all the same: look before a repetition."""
        path, sent = f"/repos/{repository}/issues/{number}/comments", {"body": body}
        made = self._write(
            "POST", path, resource="comments", repository=repository, name=f"{number}", reason=reason, body=sent
        )
        return int(made["id"])

    def edit_comment(self, *, repository: str, comment: int, body: str, reason: WriteReason) -> None:
        """Write something else in a comment's place.

        Raises:
            NotFoundError: It was deleted.
        """
        path, sent = f"/repos/{repository}/issues/comments/{comment}", {"body": body}
        self._write(
            "PATCH", path, resource="comments", repository=repository, name=f"{comment}", reason=reason, body=sent
        )


def _comment(comment: dict[str, Any]) -> IssueComment:
    app, author = comment.get("performed_via_github_app") or {}, comment["user"] or {}
    # A person may act through an App as well: then the comment is the person's.
    ids = [app.get("id"), app.get("client_id")] if author.get("type") == "Bot" else []
    return IssueComment(
        id=comment["id"],
        body=comment.get("body") or "",
        author=author.get("login", ""),
        app=tuple(str(each) for each in ids if each),
    )


def _pull_request(pull: dict[str, Any]) -> PullRequest:
    return PullRequest(
        number=pull["number"],
        head_sha=pull["head"]["sha"],
        labels=tuple(label["name"] for label in pull["labels"]),
    )


def _activity(entry: dict[str, Any]) -> Activity:
    return Activity(
        ref=entry["ref"],
        before=entry["before"],
        sha=entry["after"],
        at=parse_time(entry["timestamp"]),
        by=(entry.get("actor") or {}).get("login", ""),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One change of a ref.

    Attributes:
        before: Commit that the ref pointed at until then; zeros if it was created.
        sha: What the ref points at since then; zeros if it was deleted.
        at: When GitHub took it, in whole seconds.
        by: Login; empty if the account is gone.
    """

    ref: str
    before: str
    sha: str
    at: datetime
    by: str

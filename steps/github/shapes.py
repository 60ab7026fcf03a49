"""GitHub's JSON as values: pull requests, comments, activity. Pure.

Guarantees that a document of another shape is one error that names the field, never a KeyError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from steps.core import parse_time
from steps.domain import PullRequest

if TYPE_CHECKING:
    from datetime import datetime

T = TypeVar("T")


class UnexpectedShapeError(ValueError):
    """A document is not as GitHub documents it."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPullRequest:
    """A pull request, open or closed, with its branch.

    Attributes:
        updated_at: The time of its last change at GitHub, in whole seconds.
        closed_at: The time when it was closed or merged; None if it is open.
    """

    branch: str
    pull_request: PullRequest
    updated_at: datetime
    closed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self.closed_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One change of a ref.

    Attributes:
        before: The commit that the ref pointed at until then; zeros if it was created.
        sha: The commit that the ref points at since then; zeros if it was deleted.
        at: The time of the change at GitHub, in whole seconds.
        by: Login; empty if the account is gone.
    """

    ref: str
    before: str
    sha: str
    at: datetime
    by: str


def read_items(document: object) -> list[Any]:
    """Return a list's items."""
    if not isinstance(document, list):
        raise UnexpectedShapeError(f"{_kind(document)} came where a list belongs")
    return document


def read_text(document: object, *path: str) -> str:
    """Return the text of a field."""
    return _field(document, path, str)


def read_number(document: object, *path: str) -> int:
    """Return the number in a field."""
    return _field(document, path, int)


def read_object(document: object, *path: str) -> dict[str, Any]:
    """Return the object in a field; an empty one if the field is null or missing."""
    for key in path:
        if not isinstance(document, dict):
            break
        document = document.get(key)
    return {} if document is None and path else _typed(document, path, dict)


def read_pull_request(pull: object) -> PullRequest:
    """Return a pull request."""
    return PullRequest(
        number=read_number(pull, "number"),
        head_sha=read_text(pull, "head", "sha"),
        labels=tuple(read_text(label, "name") for label in _field(pull, ("labels",), list)),
    )


def read_branch_pull_request(pull: object) -> BranchPullRequest:
    """Return a pull request with its branch and times."""
    closed = read_text(pull, "state") != "open"
    return BranchPullRequest(
        branch=read_text(pull, "head", "ref"),
        pull_request=read_pull_request(pull),
        updated_at=_time(pull, "updated_at"),
        closed_at=_time(pull, "closed_at") if closed else None,
    )


def read_comment(comment: object) -> IssueComment:
    """Return a comment."""
    app, author = read_object(comment, "performed_via_github_app"), read_object(comment, "user")
    # A person may act through an App as well: then the comment is the person's.
    ids = [app.get("id"), app.get("client_id")] if author.get("type") == "Bot" else []
    return IssueComment(
        id=read_number(comment, "id"),
        body=str(read_object(comment).get("body") or ""),
        author=str(author.get("login") or ""),
        app=tuple(str(each) for each in ids if each),
    )


def read_activity(entry: object) -> Activity:
    """Return a change of a ref."""
    at = _time(entry, "timestamp")
    return Activity(
        ref=read_text(entry, "ref"),
        before=read_text(entry, "before"),
        sha=read_text(entry, "after"),
        at=at,
        by=str(read_object(entry, "actor").get("login") or ""),
    )


def _time(document: object, key: str) -> datetime:
    stamp = read_text(document, key)
    try:
        return parse_time(stamp)
    except (ValueError, OverflowError) as error:
        raise UnexpectedShapeError(f"{key} is not a time") from error


def _field(document: object, path: tuple[str, ...], kind: type[T]) -> T:
    for number, key in enumerate(path):
        if not isinstance(document, dict):
            raise UnexpectedShapeError(f"{'.'.join(path[:number]) or 'the document'} is {_kind(document)}")
        document = document.get(key)
    return _typed(document, path, kind)


def _typed(value: object, path: tuple[str, ...], kind: type[T]) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UnexpectedShapeError(f"{'.'.join(path) or 'the document'} is {_kind(value)}")
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", type(None): "missing"}
    return names.get(type(value), "a number or a truth value")

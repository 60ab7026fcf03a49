"""The operations on a pull request's comments, and who is asking.

Guarantees: an account that may write to issues or pull requests may edit anybody's comment, as at GitHub, so that a
client which edits what is not its own is found out; a deleted comment is gone for good; a locked conversation takes
none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.doubles.github.messages import ApiError, Request, Response, json_response, not_found
from tests.doubles.github.operation import Operation, Parts, pull_of
from tests.doubles.github.paging import page_of
from tests.doubles.github.world import MAX_COMMENT_LENGTH

if TYPE_CHECKING:
    from tests.doubles.github.permissions import Principal

_DOCUMENTATION = "/issues/comments"
_READ = (("issues", "read"), ("pull_requests", "read"))
_WRITE = (("issues", "write"), ("pull_requests", "write"))


def list_comments(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_READ)
    pull = pull_of(repository, parts, documentation=_DOCUMENTATION)
    found = [comment for comment in repository.comments.values() if comment.pull == pull.number]
    page, headers = page_of(operation.request, found)
    content = [operation.answers.comment(repository, comment) for comment in page]
    return json_response(status=200, content=content, headers=headers)


def add_comment(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_WRITE)
    pull = pull_of(repository, parts, documentation=_DOCUMENTATION)
    body = _body(operation.request)
    if pull.locked:
        raise ApiError(status=403, message="Unable to create comment because issue is locked.")
    author = _asking(operation)
    comment = operation.world.add_comment(
        repository, pull.number, body, author=author.login, app=author.app, at=operation.now
    )
    return json_response(status=201, content=operation.answers.comment(repository, comment))


def edit_comment(operation: Operation, parts: Parts) -> Response:
    repository = operation.repository(parts, needs=_WRITE)
    number = int(parts["comment"])
    if number not in repository.comments:
        raise not_found(documentation=f"{_DOCUMENTATION}#update-an-issue-comment")
    comment = operation.world.edit_comment(repository, number, _body(operation.request), at=operation.now)
    return json_response(status=200, content=operation.answers.comment(repository, comment))


def get_user(operation: Operation, parts: Parts) -> Response:
    del parts
    asking = _asking(operation)
    if asking.kind == "installation":
        raise ApiError(status=403, message="Resource not accessible by integration")
    return json_response(status=200, content=operation.answers.user(operation.world.account(asking.login)))


def _asking(operation: Operation) -> Principal:
    if operation.principal is None:
        raise ApiError(status=401, message="Requires authentication")
    return operation.principal


def _body(request: Request) -> str:
    content = request.json()
    body = content.get("body") if isinstance(content, dict) else None
    if not isinstance(body, str) or not body.strip():
        raise _unusable("Body cannot be blank")
    if len(body) > MAX_COMMENT_LENGTH:
        raise _unusable(f"Body is too long (maximum is {MAX_COMMENT_LENGTH} characters)")
    return body


def _unusable(message: str) -> ApiError:
    problem = {"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": message}
    return ApiError(status=422, message="Validation Failed", errors=[problem])

"""Reads, writes and edits comments on a pull request.

Guarantees that an edit may be repeated. Not guaranteed: that a comment whose answer was lost exists once; the caller
looks before it writes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.github.rest import RestClient
from steps.github.shapes import read_comment, read_items, read_number, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.github.shapes import IssueComment
    from steps.telemetry import WriteReason

_PAGE, _PAGES = 100, 5


class Comments(RestClient):
    """The comments on a pull request."""

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

    def is_own(self, comment: IssueComment) -> bool:
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

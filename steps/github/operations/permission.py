"""Reads what an account may do in a repository.

Guarantees that the answer is about the account in the request.
"""

from __future__ import annotations

from urllib.parse import quote

from steps.core import BadInputError, NotFoundError
from steps.github.rest import RestClient
from steps.github.shapes import UnexpectedShapeError, read_text


class Permissions(RestClient):
    """The permissions of accounts in a repository."""

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
            found: str = self._ask("GET", path, lags=True, read=read)
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub does not know {login} or {repository}, or the credentials may not see them: give the App or "
                "token access to the repository"
            ) from error
        return found

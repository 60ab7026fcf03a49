"""Reads the latest pushes to a repository: GitHub's activity.

Guarantees that a list that could not be read is an error, and never an empty list. Not covered: pushes before the
latest hundred; of a whole repository, also pushes before the last day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import BadInputError, ForbiddenError, NotFoundError
from steps.github.rest import RestClient
from steps.github.shapes import UnexpectedShapeError, read_activity, read_items

if TYPE_CHECKING:
    from steps.github.shapes import Activity


class RepositoryActivity(RestClient):
    """The latest changes of a repository's branches."""

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

        query = query | {"per_page": "100"}
        try:
            found: list[Activity] = self._ask("GET", f"/repos/{repository}/activity", parameters=query, read=read)
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub does not list the pushes of {repository}: give the App or token access to the repository, or "
                "correct events.repositories; an older GitHub Enterprise Server has no such list"
            ) from error
        except ForbiddenError as error:
            raise ForbiddenError(
                f"GitHub refuses the activity of {repository}: give the App or token read access to contents ({error})"
            ) from error
        return found

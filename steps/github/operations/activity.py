"""Reads the latest pushes to a repository: GitHub's activity.

Guarantees that a list that could not be read is an error, and never an empty list. Not covered: pushes before the last
day, or before the latest hundred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import BadInputError, ForbiddenError, NotFoundError
from steps.github.rest import RestClient
from steps.github.shapes import read_activity, read_items

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
        query = {"time_period": "day", "per_page": "100"}

        def read(document: object) -> list[Activity]:
            return [read_activity(entry) for entry in read_items(document)]

        try:
            found: list[Activity] = self._ask("GET", f"/repos/{repository}/activity", parameters=query, read=read)
        except NotFoundError as error:
            raise BadInputError(
                f"GitHub has no repository {repository}, or the credentials may not see it: was it renamed?"
            ) from error
        except ForbiddenError as error:
            raise ForbiddenError(
                f"GitHub refuses the activity of {repository}: give the App or token read access to contents, or set "
                f"reconcile.ask_github to false ({error})"
            ) from error
        return found

"""Adds and removes labels of a pull request.

Guarantees that a write adds or removes a single label and never replaces the whole set, so no label of others is lost;
and that a write may be repeated. GitHub has no preconditions on labels: the caller checks the Lease right before a
write, and the head right after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from steps.core import ForbiddenError, NotFoundError
from steps.github.rest import RestClient
from steps.github.shapes import read_items

if TYPE_CHECKING:
    from steps.telemetry import WriteReason

_LABEL_GONE = "Label does not exist"
_LABEL_UNKNOWN = "permission to create labels"


class Labels(RestClient):
    """The labels of a pull request."""

    def add_label(self, *, repository: str, number: int, label: str, reason: WriteReason) -> None:
        """Add one label. A label that is there already stays.

        Raises:
            ForbiddenError: The credentials may not write labels; or the repository does not have the label, and they
                may write to pull requests only, so that GitHub does not create it.
        """
        try:
            self._write(
                "POST",
                f"/repos/{repository}/issues/{number}/labels",
                resource="labels",
                repository=repository,
                name=f"{number}/{label}",
                reason=reason,
                body={"labels": [label]},
                lags=True,
                read=read_items,
            )
        except ForbiddenError as error:
            if _LABEL_UNKNOWN not in str(error):
                raise
            raise ForbiddenError(f"label {label!a}: {error}") from error

    def remove_label(self, *, repository: str, number: int, label: str, reason: WriteReason) -> None:
        """Remove one label. A label that is absent stays absent."""
        try:
            path, name = f"/repos/{repository}/issues/{number}/labels/{quote(label, safe='')}", f"{number}/{label}"
            self._write(
                "DELETE",
                path,
                resource="labels",
                repository=repository,
                name=name,
                reason=reason,
                lags=True,
                read=read_items,
            )
        except NotFoundError as error:
            if _LABEL_GONE not in str(error):
                raise

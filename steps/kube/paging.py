"""The pages of a list, as one sequence.

Guarantees that every object that stays in the collection is yielded once, even if the list has to start again because
its pages expired, and that the size of the objects decides how many are in a page. Not guaranteed: that a first page of
fifty objects of a megabyte fits into the pod's memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import ListExpiredError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.kube.transport import Json


# As JSON. In Python, a page takes about eight times as much, and the pod has 256 MiB.
_PAGE_BYTES = 4_000_000
# Fifty objects of half a megabyte still fit.
_FIRST = 50


class PageSize:
    """How many objects to request in the next page of a list."""

    def __init__(self, *, most: int, whole: bool) -> None:
        """Begin with a small page, since the objects may be large.

        Args:
            most: The most objects in a page.
            whole: Whether whole objects are listed, and not their metadata alone.
        """
        self._most = most
        self.limit = min(most, _FIRST) if whole else most

    def learn(self, page: Json, size: int) -> None:
        """Use a page and its size, in bytes, for the next one."""
        if objects := len(page["items"] or ()):
            self.limit = max(1, min(self._most, _PAGE_BYTES * objects // size))


def read_pages(read: Callable[[str], Json]) -> Iterator[Json]:
    """Yield the objects of a list.

    Args:
        read: Reads the page at a continue token; the first page for an empty one.

    Raises:
        ListExpiredError: The pages expired a second time.
    """
    seen: set[str] = set()
    token, may_start_again = "", True
    while True:
        try:
            found = read(token)
        except ListExpiredError:
            if not token or not may_start_again:
                raise
            token, may_start_again = "", False
            continue
        for each in found["items"] or ():
            identity = each["metadata"].get("uid") or each["metadata"].get("name", "")
            if identity and identity in seen:
                continue
            seen.add(identity)
            yield each
        token = found.get("metadata", {}).get("continue") or ""
        if not token:
            return

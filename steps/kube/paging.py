"""The pages of a list, as one sequence.

Guarantees that every object that stays in the collection is yielded once, even if the list has to start again because
its pages expired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import ListExpiredError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.kube.transport import Json


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

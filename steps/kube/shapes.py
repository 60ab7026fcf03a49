"""Which documents count as the API server's: an object of this name, or a whole page of a list. Pure.

Guarantees that a page of a proxy, an empty body or another document is an error by meaning, and never an empty list.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from steps.core import UnavailableError, describe_body

if TYPE_CHECKING:
    from steps.kube.transport import Json


def parse_document(asked: str, body: bytes) -> Json:
    """Return the document in an answer.

    Args:
        asked: Method and path, for the text.
        body: The content of the answer.

    Raises:
        UnavailableError: It is not an object of the API server.
    """
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise foreign(asked, describe_body(body.decode(errors="replace"))) from error
    if not isinstance(found, dict):
        raise foreign(asked, "JSON that is not an object")
    if not isinstance(found.get("kind"), str):
        raise foreign(asked, "an object without kind")
    return found


def check_object(asked: str, found: Json, *, name: str) -> None:
    """Check that a document is the object of this name; an empty name allows any.

    Raises:
        UnavailableError: It is another document.
    """
    if not name:
        return
    metadata = found.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("name") != name:
        raise foreign(asked, f"a {found['kind'][:63]} that is not {name}")


def check_list(asked: str, found: Json) -> None:
    """Check that a document is a whole page of a list.

    Raises:
        UnavailableError: It is another document.
    """
    items, metadata = found.get("items"), found.get("metadata", {})
    # The API server writes an empty list of metadata, and only that one, as `items: null`.
    if "items" in found and items is None and found["kind"] == "PartialObjectMetadataList":
        items = []
    # A CRD may name its list kind in any way, so the items count, not the kind's name.
    if "items" not in found and not found["kind"].endswith("List"):
        raise foreign(asked, f"a {found['kind'][:63]} where a list belongs")
    if not isinstance(items, list) or not isinstance(metadata, dict):
        raise foreign(asked, "a list without items")
    if not all(isinstance(each, dict) and isinstance(each.get("metadata"), dict) for each in items):
        raise foreign(asked, "a list of items without metadata")


def foreign(asked: str, what: str, *, retry_after_s: float | None = None) -> UnavailableError:
    """Return the error for an answer that the API server does not give.

    Args:
        asked: Method and path.
        what: What came instead.
        retry_after_s: Seconds that the answer asked to wait; None if it did not.
    """
    return UnavailableError(
        f"{asked}: {what} came: check the address of the API server; a proxy or a login page may have answered",
        retry_after_s=retry_after_s,
    )

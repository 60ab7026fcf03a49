"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902) on plain values.

Guarantees: pure functions that leave their arguments alone; a failed `test` is an error of its own.
Not guaranteed: the operations `move` and `copy`, strategic merge patch, server-side apply.
"""

import copy
from typing import Any

from tests.doubles.kubernetes.messages import JsonObject


class PatchFailedError(Exception):
    """A JSON patch does not apply to the document."""


def merge(target: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """Apply a merge patch: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged: JsonObject = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def apply_operations(document: JsonObject, operations: list[JsonObject]) -> JsonObject:
    """Apply a JSON patch's operations in order."""
    result: JsonObject = copy.deepcopy(document)
    for operation in operations:
        tokens = [token.replace("~1", "/").replace("~0", "~") for token in str(operation["path"]).split("/")[1:]]
        if not tokens:
            raise PatchFailedError("replacing the whole document is not supported")
        apply_one(parent_of(result, tokens), tokens[-1], operation)
    return result


def parent_of(document: JsonObject, tokens: list[str]) -> Any:  # noqa: ANN401 - an object or a list
    """Return the container of the last token."""
    container: Any = document
    for token in tokens[:-1]:
        try:
            container = container[int(token)] if isinstance(container, list) else container[token]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise PatchFailedError(f"doc is missing path: {'/'.join(['', *tokens])}") from error
    if not isinstance(container, dict | list):
        raise PatchFailedError(f"doc is missing path: {'/'.join(['', *tokens])}")
    return container


def apply_one(container: Any, token: str, operation: JsonObject) -> None:  # noqa: ANN401 - an object or a list
    """Apply one operation to the container that holds the operation's target."""
    path, verb = operation["path"], operation["op"]
    key: Any = token
    if isinstance(container, list):
        key = len(container) if token == "-" else int(token)
        present = 0 <= key < len(container)
    else:
        present = key in container
    # Replacing a member that is not there adds it, as in the library that the real server uses.
    if not present and (verb == "remove" or (verb == "replace" and isinstance(container, list))):
        raise PatchFailedError(f"{verb} operation does not apply: doc is missing key: {path}: missing value")
    if verb == "test":
        if (container[key] if present else None) != operation.get("value"):
            raise PatchFailedError(f"testing value {path} failed: test failed")
    elif verb == "remove":
        del container[key]
    elif verb == "add" and isinstance(container, list):
        container.insert(key, copy.deepcopy(operation.get("value")))
    elif verb in {"add", "replace"}:
        container[key] = copy.deepcopy(operation.get("value"))
    else:
        raise PatchFailedError(f"Unexpected kind: {verb}")

r"""Field paths into plain objects, written as kubectl writes them: `metadata.labels.app\.kubernetes\.io/name`.

A filter selects an item of a list: `status.conditions[status=True].type` is the type of the last condition that is
true.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steps.kube.transport import Json

_LABELS = "metadata.labels."
_ITEM = re.compile(r"(.+)\[([^=\]]+)=([^\]]*)\]")


def read_field(obj: Json, path: str) -> str:
    """Return the text or number at a path as text; empty for a missing or nested value."""
    value: object = obj
    for key in re.split(r"(?<!\\)\.", path) if path else ():
        value = _step(value, key.replace("\\.", "."))
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _step(value: object, key: str) -> object:
    """Return the value of a field, or the last item of a list that matches the filter."""
    item = _ITEM.fullmatch(key)
    found = value.get(item[1] if item else key) if isinstance(value, dict) else None
    if item is None:
        return found
    items = found if isinstance(found, list) else []
    return next((each for each in reversed(items) if isinstance(each, dict) and each.get(item[2]) == item[3]), None)


def label_key(path: str) -> str:
    """Return the label that a path names; empty if it names another field."""
    return path.removeprefix(_LABELS).replace("\\.", ".") if path.startswith(_LABELS) else ""

r"""Field paths into plain objects, written as kubectl writes them: `metadata.labels.app\.kubernetes\.io/name`.

A filter selects an item of a list: `status.conditions[status=True].type` is the type of the last condition that is
true. Inside a filter, dots need no escape. A text in double quotes is a constant: `"owner/name"`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.kube.transport import Json

_LABELS = "metadata.labels."
# The parts of a path: a name, in which `\.` is a dot, or a filter.
_PART = re.compile(r"\[([^=\]]+)=([^\]]*)\]|((?:\\.|[^.\[\\])+)")


def read_state(obj: Json, path: str) -> str:
    """As `read_field`, but a boolean is true or false: it says whether something is so, such as `spec.suspend`."""
    return path[1:-1] if is_constant(path) else (_shown(_value(obj, path)) or "").strip()


def read_field(obj: Json, path: str) -> str:
    """Return the text or number at a path as text; empty for any other or missing value. A boolean names nobody.

    White space around it is left out: the output of a command and a block of YAML end with a line break.
    """
    return path[1:-1] if is_constant(path) else _text(_value(obj, path))


def is_constant(path: str) -> bool:
    """Whether a path is a text in quotes, which is the same for every object."""
    return path.startswith('"')


def _value(obj: Json, path: str) -> object:
    value: object = obj if path else None
    for key, wanted in _parts(path):
        value = _step(value, key) if wanted is None else _item(value, key=key, wanted=wanted)
    return value


def _parts(path: str) -> Iterator[tuple[str, str | None]]:
    """Split a path into names (without a second value) and filters (field and wanted value)."""
    for part in _PART.finditer(path):
        key, wanted, name = part.groups()
        if name is not None:
            yield name.replace("\\.", "."), None
        else:
            yield key.replace("\\.", "."), wanted


def _step(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _item(value: object, *, key: str, wanted: str) -> object:
    """Return the last item of a list that matches a filter."""
    items = value if isinstance(value, list) else []
    return next((each for each in reversed(items) if isinstance(each, dict) and _shown(each.get(key)) == wanted), None)


def _shown(value: object) -> str | None:
    """Return a value as a filter names it; None for a missing or nested one."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) else None


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def label_key(path: str) -> str:
    """Return the label that a path names; empty if it names another field."""
    return path.removeprefix(_LABELS).replace("\\.", ".") if path.startswith(_LABELS) else ""

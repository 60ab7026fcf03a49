r"""Field paths into plain objects, written as kubectl writes them: `metadata.labels.app\.kubernetes\.io/name`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steps.kube import Json

_LABELS = "metadata.labels."


def read(obj: Json, path: str) -> str:
    """The text at a path; empty if there is none. Numbers are written out, anything nested counts as nothing."""
    value: object = obj
    for key in re.split(r"(?<!\\)\.", path) if path else ():
        value = value.get(key.replace("\\.", ".")) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def label_key(path: str) -> str:
    """The label that a path points at; empty if it points elsewhere."""
    return path.removeprefix(_LABELS).replace("\\.", ".") if path.startswith(_LABELS) else ""

"""The types of the paths of a run's fields.

Guarantees that a path begins with a field that an object can have, so that a label's name or a text without its quotes
is refused. Not guaranteed: that the runs of a kind have the field.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from steps.settings.types import REPOSITORY_PATTERN, SENDER_PATTERN
from steps.settings.validation import pattern_validator

# Path of a field in kubectl's syntax, such as `metadata.labels.app\.kubernetes\.io/name`. A filter selects the item of
# a list by one of its fields.
_NAME = r"(?:[A-Za-z0-9_/-]|\\\.)+"
_ITEMS = r"(?:\[[A-Za-z0-9_./\\-]+=[A-Za-z0-9_./:@ -]*\])*"
_PATH = rf"{_NAME}{_ITEMS}(?:\.{_NAME}{_ITEMS})*"
_A_PATH = "a path such as metadata.labels.task-id, or status.conditions[status=True].type"
# Where an object of any kind has its texts. A custom resource may have other fields beside spec, status and metadata.
_ROOT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXTS_OF_OBJECTS = ("apiVersion", "kind", "type")
_TEXTS_OF_METADATA = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "resourceVersion",
    "generation",
    "ownerReferences",
)
_MAPS_OF_METADATA = ("labels", "annotations")
_NOT_A_FILTER = re.compile(r"\[[^\]=]*\]|\[\?")
# A label or an annotation has no fields, so a dot is part of its name.
_NOT_ESCAPED = re.compile(r"metadata\.(?:labels|annotations)\.(?:[^.\\]|\\.)*\.")


def _checked_items(path: str) -> str:
    """Check that an item of a list is selected by a field.

    Raises:
        ValueError: It is selected by its place, by `*` or by an expression.
    """
    if not path.startswith('"') and _NOT_A_FILTER.search(path):
        raise ValueError(
            "select an item of a list by one of its fields, as in [name=repo], and give a label's name "
            "after a dot; nothing else in brackets is supported"
        )
    return path


def _leads_nowhere(path: str) -> bool:
    """Whether no object has a text at a path, as if a label's name or a text without its quotes was given."""
    root, *rest = re.split(r"\.|(?=\[)", path, maxsplit=2)
    if not _ROOT.fullmatch(root) or root in _MAPS_OF_METADATA:
        return True
    if root != "metadata":
        return not rest and root not in _TEXTS_OF_OBJECTS
    field, *inner = rest or ("",)
    return not inner if field in _MAPS_OF_METADATA else field not in _TEXTS_OF_METADATA


def _checked_path(path: str) -> str:
    """Check that a path can lead to a text: it begins with a field of the object, and the dots of a label are escaped.

    Raises:
        ValueError: It never leads to one.
    """
    if path and not path.startswith('"') and _leads_nowhere(path):
        raise ValueError(
            f"no object has a text there: give {_A_PATH}; if the key takes a text that is the same for all runs, put "
            "it into double quotes inside the quotes, such as '\"owner/name\"'"
        )
    if _NOT_ESCAPED.match(path):
        raise ValueError("escape each dot in the name of a label or annotation, as in app\\.kubernetes\\.io/name")
    return path


_ITEM, _REACHED = AfterValidator(_checked_items), AfterValidator(_checked_path)
FieldPath = Annotated[str, _ITEM, pattern_validator(_PATH, give=_A_PATH), _REACHED]
OptionalFieldPath = Annotated[str, _ITEM, pattern_validator(f"({_PATH})?", give=f"{_A_PATH}, or nothing"), _REACHED]
# A text in double quotes is the same for all runs of a kind.
PathOrRepository = Annotated[
    str,
    _ITEM,
    pattern_validator(
        f'{_PATH}|"{REPOSITORY_PATTERN}"', give=f'{_A_PATH}, or a repository in quotes such as "owner/name"'
    ),
    _REACHED,
]
PathOrLogin = Annotated[
    str,
    _ITEM,
    pattern_validator(f'{_PATH}|"{SENDER_PATTERN}"', give=f'{_A_PATH}, or a name in quotes such as "my-agent"'),
    _REACHED,
]

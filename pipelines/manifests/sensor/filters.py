"""Filters of a Sensor on the fields of an event.

Guarantees that a filter on text is anchored, so it does not match inside another value; and that a filter on a number
lets no text pass.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_REPOSITORY = r"[A-Za-z0-9._-]{1,100}"


def text_filter(path: str, *patterns: str) -> dict[str, Any]:
    """Build a filter on text, with alternative patterns; anchored, so that it does not match inside another value."""
    return {"path": path, "type": "string", "value": [f"^(?:{pattern})$" for pattern in patterns]}


def names_filter(path: str, names: Iterable[str]) -> dict[str, Any]:
    """Build a filter on GitHub's names. GitHub ignores their case, and settings may spell them differently."""
    return {"path": path, "type": "string", "value": [f"^(?i:{_name(name)})$" for name in names]}


def _name(name: str) -> str:
    """Build the pattern of a name, or of all repositories of an owner."""
    return _literal(name[:-1]) + _REPOSITORY if name.endswith("/*") else _literal(name)


def _literal(text: str) -> str:
    """Build a pattern that matches exactly this text; a bare hyphen is valid in Go and easier to read."""
    return re.escape(text).replace("\\-", "-")


def equal_filter(fields: Mapping[str, str]) -> dict[str, Any]:
    """Build a filter on two fields that must be equal, by their names in the expression."""
    return {
        "expr": " == ".join(fields),
        "fields": [{"name": name, "path": path} for name, path in fields.items()],
    }


def number_filters(path: str, least: int, most: int, *, name: str) -> Iterator[dict[str, Any]]:
    """Build filters that drop text, too: a filter on data reads a number from text, an expression does not."""
    for bound in (f">= {least}", f"<= {most}"):
        yield {"expr": f"{name} {bound}", "fields": [{"name": name, "path": path}]}

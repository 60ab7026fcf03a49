"""Settings files of older versions: keys that moved or went away.

Guarantees that such a file still means the same, and that each key which is no longer read in its place is said. A key
that means something else now must not be listed here: it has to be an error.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """One key that a version moved or removed.

    Attributes:
        old: The key, such as `lease.handover`.
        why: What the user should know, after "OLD is ...".
        new: The key that has its value now; empty if nothing needs it.
        convert: Makes the new value of the old one.
    """

    old: str
    why: str
    new: str = ""
    convert: Callable[[Any], Any] = lambda value: value


_ONE_CONTAINER = "no longer used, because one container processes a push: remove it"
CHANGES = (
    KeyChange(old="lease.handover", why=_ONE_CONTAINER),
    KeyChange(old="github.handover", why=_ONE_CONTAINER),
)


def understand(
    values: Mapping[str, Any], *, changes: Iterable[KeyChange] = CHANGES
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Bring the keys of an older file to their places of today.

    Args:
        values: What the file says.
        changes: What versions changed, oldest first.

    Returns:
        The keys, and a note for each that was changed.
    """
    found, notes = copy.deepcopy(dict(values)), []
    for change in changes:
        *tables, key = change.old.split(".")
        table = _table(found, tables)
        if table is None or key not in table:
            continue
        value = table.pop(key)
        notes.append(f"{change.old} is {change.why}")
        if change.new:
            *tables, key = change.new.split(".")
            for name in tables:
                found.setdefault(name, {})
            if (target := _table(found, tables)) is not None:
                # Who has written the new key has decided.
                target.setdefault(key, change.convert(value))
    return found, tuple(notes)


def _table(values: dict[str, Any], names: list[str]) -> dict[str, Any] | None:
    """Look up a table; None if the file has something else there."""
    for name in names:
        if not isinstance(inner := values.get(name), dict):
            return None
        values = inner
    return values

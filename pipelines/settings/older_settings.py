"""Reads settings files of older versions.

Guarantees that a file of an older version means what it meant and that each of its keys which changed is said, or that
an error says what to change. Leaves the keys of this version as they are.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steps.core import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_HEADS = "refs/heads/"


def _task(pattern: object) -> list[dict[str, Any]] | None:
    """Translate push.branch, the pattern of a whole ref with one group; None if no example can be found."""
    if not isinstance(pattern, str) or not pattern.startswith(_HEADS):
        return None
    branch = pattern.removeprefix(_HEADS)
    example = _example(branch)
    return [{"branch": branch, "examples": [example]}] if example else None


def _example(branch: str) -> str | None:
    """Find a branch that the pattern matches, among usual ones."""
    names = ("task-1", "feature/task-1", "PROJ-1", "proj-1", "issue-1", "codex/issue-1", "copilot/fix-1", "1")
    try:
        return next((name for name in names if re.fullmatch(branch, name, re.ASCII)), None)
    except re.error:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChange:
    """One key that a version moved or removed.

    Attributes:
        old: The key, such as `lease.handover`.
        advice: What to do about it, for the note and the error.
        new: The key that has its value now; empty if nothing needs it.
        convert: Makes the new value of the old one; None if it cannot be translated.
    """

    old: str
    advice: str
    new: str = ""
    convert: Callable[[Any], Any] = lambda value: value


_ONE_CONTAINER = "remove it, because one container processes a push now"
# Oldest first. A key that means something else today does not belong here: it has to be an error.
CHANGES = (
    KeyChange(old="lease.handover", advice=_ONE_CONTAINER),
    KeyChange(old="github.handover", advice=_ONE_CONTAINER),
    KeyChange(
        old="push.branch",
        new="tasks",
        convert=_task,
        advice="move it to [[tasks]], as the pattern of the branch without refs/heads/, with examples "
        "(docs/settings.md)",
    ),
    KeyChange(
        old="observability.unheard_events",
        new="observability.untriggered_events",
        advice="write its value to observability.untriggered_events",
    ),
)


def from_older_version(
    values: Mapping[str, Any], *, source: str, changes: Iterable[KeyChange] = CHANGES
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the values with the keys of this version, and a note for each key that changed.

    Args:
        values: The values of a settings file.
        source: Origin of the values, for the error.
        changes: What versions changed, oldest first.

    Raises:
        BadInputError: A key of an older version cannot be translated.
    """
    found, notes = copy.deepcopy(dict(values)), []
    for change in changes:
        *tables, key = change.old.split(".")
        table = _table(found, tables)
        if table is None or key not in table:
            continue
        value = table.pop(key)
        if change.new:
            _put(found, change, value=value, source=source)
        state = f"has moved to {change.new}" if change.new else "is no longer used"
        notes.append(f"{change.old} {state}: {change.advice}")
    return found, tuple(notes)


def _put(values: dict[str, Any], change: KeyChange, *, value: object, source: str) -> None:
    """Write a value in its place of today.

    Raises:
        BadInputError: It cannot be translated, or there is one already.
    """
    converted = change.convert(value)
    if converted is None:
        raise BadInputError(f"{source}: {change.old} has moved: {change.advice}")
    *tables, key = change.new.split(".")
    for name in tables:
        values.setdefault(name, {})
    target = _table(values, tables)
    if target is None or key in target:
        raise BadInputError(f"{source}: {change.old} is the older name of {change.new}: remove it")
    target[key] = converted


def _table(values: dict[str, Any], names: list[str]) -> dict[str, Any] | None:
    """Look up a table; None if the file has something else there."""
    for name in names:
        if not isinstance(inner := values.get(name), dict):
            return None
        values = inner
    return values

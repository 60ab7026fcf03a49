"""Reads settings files of older versions.

Guarantees that a file of an older version means what it meant, or that an error says what to change. Leaves the keys of
this version as they are.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from steps.core import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEADS = "refs/heads/"


def from_older_version(values: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Return the values with the keys of this version.

    Args:
        values: The values of a settings file.
        source: Origin of the values, for the error.

    Raises:
        BadInputError: A key of an older version cannot be translated.
    """
    found = copy.deepcopy(dict(values))
    push = found.get("push")
    if isinstance(push, dict) and "branch" in push:
        pattern = push.pop("branch")
        if "tasks" in found:
            raise BadInputError(f"{source}: push.branch is the older name of [[tasks]]: remove it")
        found["tasks"] = [_task(pattern, source=source)]
    return found


def _task(pattern: object, *, source: str) -> dict[str, Any]:
    """Translate push.branch, the pattern of a whole ref with one group: until version 0.1."""
    advice = "move it to [[tasks]], as the pattern of the branch without refs/heads/, with examples (docs/settings.md)"
    if not isinstance(pattern, str) or not pattern.startswith(_HEADS):
        raise BadInputError(f"{source}: push.branch has moved: {advice}")
    branch = pattern.removeprefix(_HEADS)
    example = _example(branch)
    if example is None:
        raise BadInputError(f"{source}: push.branch has moved: {advice}")
    return {"branch": branch, "examples": [example]}


def _example(branch: str) -> str | None:
    """Find a branch that the pattern matches, among usual ones."""
    names = ("task-1", "feature/task-1", "PROJ-1", "proj-1", "issue-1", "codex/issue-1", "copilot/fix-1", "1")
    try:
        return next((name for name in names if re.fullmatch(branch, name, re.ASCII)), None)
    except re.error:
        return None

"""The task of a branch, and the id of a task.

Guarantees that an id is valid in a label, a name and a path, that ids which differ only in case are one, and that two
different ids stay different. The Sensor builds the same id from the same settings (pipelines.manifests.sensor.task_id).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.settings import TaskPattern

TaskId = NewType("TaskId", str)

# A DNS-1123 label. It is valid as a label value, too.
ID_PATTERN = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The end of an id that was made safe. Another id with this end gets a hash of its own, so that they cannot be equal.
HASHED_PATTERN = r"-[0-9a-f]{10}"
SLUG_LENGTH, HASH_LENGTH, NO_SLUG = 52, 10, "task"
HEADS = "refs/heads/"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMatch:
    """The task of a branch.

    Attributes:
        pattern: Index of the pattern in the settings.
        text: The id as the branch spells it, with the pattern's prefix.
        problem: Why the branch has no task although the pattern matches; empty if it has one.
    """

    pattern: int
    text: str
    problem: str = ""

    @property
    def id(self) -> TaskId:
        """The task's id."""
        return task_id(self.text)


def task_id(text: str) -> TaskId:
    """Return the id for a text of a person, a branch or a run: in lower case, and safe.

    A text that is safe already is its own id, such as 42 or proj-123. Any other gets a hash: claude/fix becomes
    claude-fix-4f0a1c2b3d.
    """
    lower = text.lower()
    if re.fullmatch(ID_PATTERN, lower) and not re.search(f"{HASHED_PATTERN}$", lower):
        return TaskId(lower)
    slug = re.sub(r"[^a-z0-9]+", "-", lower)[:SLUG_LENGTH].strip("-") or NO_SLUG
    return TaskId(f"{slug}-{hashlib.sha256(lower.encode()).hexdigest()[:HASH_LENGTH]}")


def match_task(ref: str, *, patterns: Sequence[TaskPattern]) -> TaskMatch | None:
    """Find the task of a branch. The first pattern that matches decides.

    Args:
        ref: The branch, with or without refs/heads/.
        patterns: The patterns of the settings, in order.
    """
    branch = ref.removeprefix(HEADS)
    for index, pattern in enumerate(patterns):
        if pattern.matches(branch):
            text = pattern.text_of(branch)
            return TaskMatch(pattern=index, text=text, problem=_problem(text, pattern=pattern, patterns=patterns))
    return None


def _problem(text: str, *, pattern: TaskPattern, patterns: Sequence[TaskPattern]) -> str:
    if not text:
        return "the pattern matches, but its group for the task id is empty"
    # Only a pattern without a prefix can have an id of another: the settings refuse prefixes that overlap.
    others = [each.prefix for each in patterns if each.prefix and not pattern.prefix and not pattern.shares_ids]
    for prefix in others:
        if text.lower().startswith(prefix.lower()):
            return f"its task id begins with {prefix}, the prefix of another pattern: give this pattern a prefix too"
    return ""


def find_task(ref: str, *, patterns: Sequence[TaskPattern]) -> TaskId | None:
    """Return the id of the task of a branch; None if the branch is not a task."""
    found = match_task(ref, patterns=patterns)
    return found.id if found and not found.problem else None

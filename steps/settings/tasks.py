"""Settings of the branches that are tasks.

Guarantees that each pattern is a regular expression of the whole branch with one group for the id, that it matches its
examples and none of its counter-examples, and that two patterns share ids only if one of them says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import ConfigDict, Field

from steps.settings.types import STRICT
from steps.settings.validation import pattern_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

ID_GROUP = "id"
# The Sensor reads the pattern inside a longer one, in which an anchor at the beginning never matches.
_BEGINNING = re.compile(r"\A(\(\?[a-zA-Z]+\))?(?:\^|\\A)")
_END = re.compile(r"(?<!\\)((?:\\\\)*)(?:\$|\\[Zz])\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPattern:
    """Branches that are tasks. Repeat the table for each style of branch; the first pattern that matches decides."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    branch: Annotated[
        str,
        Field(
            min_length=1,
            description="pattern of the whole branch, without refs/heads/; ^ in front and $ at the end mean nothing; "
            "its group (?P<id>…) is the task id, which has no case; the Sensor reads it as RE2, the steps as Python",
        ),
    ]
    prefix: Annotated[
        str,
        pattern_validator(r"[A-Za-z0-9._/-]{0,40}", give="up to 40 characters of [A-Za-z0-9._/-]"),
        Field(
            description="text before the group's text in the task id, so that codex/issue-42 and copilot/fix-42 are "
            "two tasks"
        ),
    ] = ""
    shares_ids: Annotated[
        bool, Field(description="true: an id of this pattern is the same task as that id of an earlier pattern")
    ] = False
    examples: Annotated[
        tuple[str, ...], Field(min_length=1, description="branches that the pattern matches; checked when rendering")
    ]
    counter_examples: Annotated[
        tuple[str, ...], Field(description="branches that the pattern does not match; checked when rendering")
    ] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "branch", _END.sub(r"\1", _BEGINNING.sub(r"\1", self.branch)))
        try:
            compiled = re.compile(self.branch, re.ASCII)
        except re.error as error:
            raise ValueError(f"branch is not a regular expression: {error}") from error
        if ID_GROUP not in compiled.groupindex and compiled.groups != 1:
            raise ValueError("branch needs a group for the task id: write it as (?P<id>…)")
        for example in self.examples:
            if not self.text_of(example):
                raise ValueError(f"the example {example!a} does not match branch, or has no id: correct one of them")
        for example in self.counter_examples:
            if compiled.fullmatch(example):
                raise ValueError(f"the counter-example {example!a} matches branch: correct one of them")

    @property
    def group(self) -> str:
        """Name or number of the group of the id."""
        return ID_GROUP if f"(?P<{ID_GROUP}>" in self.branch else "1"

    def matches(self, branch: str) -> bool:
        """Whether the pattern matches a branch."""
        return re.fullmatch(self.branch, branch, re.ASCII) is not None

    def text_of(self, branch: str) -> str:
        """Return the task id in a branch, with the prefix; an empty text if the branch does not match or has no id."""
        match = re.fullmatch(self.branch, branch, re.ASCII)
        found = match[int(self.group) if self.group.isdigit() else self.group] if match else None
        return f"{self.prefix}{found}" if found else ""


def check_prefixes(patterns: Iterable[TaskPattern]) -> None:
    """Check that ids of different patterns differ by their prefix, unless a pattern shares ids.

    One pattern may have no prefix. The steps refuse an id of it that begins with the prefix of another.

    Raises:
        ValueError: Two patterns may have the same ids.
    """
    for one, other in combinations([(each, each.prefix.lower()) for each in patterns], 2):
        (_, first), (later, second) = one, other
        if later.shares_ids:
            continue
        if first == second or (first and second and (first.startswith(second) or second.startswith(first))):
            raise ValueError(
                "tasks: two patterns may have the same ids: give each another prefix, neither the beginning of the "
                "other, or set shares_ids = true in the later one"
            )

"""What is wrong with settings, said so that a person can mend it: the key, the problem, what to give instead.

Guarantees that no value is quoted, since one that is wrong may be a credential in the wrong place.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from pydantic import AfterValidator, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_core import ErrorDetails

_MISSING, _UNKNOWN = "missing", "unexpected_keyword_argument"
_SAID = {
    "too_short": "empty: give at least one",
    "string_too_short": "empty: give at least one character",
    "tuple_type": 'not a list: give one in brackets, such as ["one", "two"]',
    "dataclass_type": "not a table: give one, as settings.toml has it",
    "string_type": "not a text: give one in quotes",
}


def pattern_validator(pattern: str, *, give: str) -> AfterValidator:
    """A text that a pattern matches from end to end.

    Args:
        pattern: What is taken.
        give: The same in words, for whoever gave something else.
    """

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"give {give}")
        return text

    return AfterValidator(check)


def describe_errors(error: ValidationError) -> Iterator[str]:
    """One for each key that is wrong, without those that only follow from another."""
    problems = error.errors(include_url=False, include_input=False)
    missing = [problem["loc"] for problem in problems if problem["type"] == _MISSING]
    for problem in problems:
        loc = problem["loc"]
        # A list whose items are wrong counts as too short.
        if not any(other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in problems):
            yield f"{'.'.join(map(str, loc))}: {_said(problem, missing=missing)}"


def _said(problem: ErrorDetails, *, missing: Sequence[tuple[int | str, ...]]) -> str:
    loc, kind = problem["loc"], problem["type"]
    if kind == _MISSING:
        return "missing: add it (docs/settings.md says what it is)"
    if kind == _UNKNOWN:
        with_others = [str(each[-1]) for each in missing if each[:-1] == loc[:-1]]
        meant = difflib.get_close_matches(str(loc[-1]), with_others, n=1)
        return "no such key: " + (f"is {meant[0]} meant?" if meant else "take it out (docs/settings.md has them all)")
    if kind in _SAID:
        return _SAID[kind]
    text = problem["msg"].removeprefix("Value error, ")
    return re.sub(r"^Input should be (.*?)(, unable to .*)?$", r"give \1", text)

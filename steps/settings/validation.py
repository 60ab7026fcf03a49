"""Errors about settings: the key, the problem, and the fix.

Guarantees that no error quotes a value, because a wrong value may be a credential in the wrong place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import AfterValidator, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic_core import ErrorDetails

_MISSING, _UNKNOWN = "missing", "unexpected_keyword_argument"
_FIXES = {
    "too_short": "empty: give at least one",
    "string_too_short": "empty: give at least one character",
    "tuple_type": 'not a list: give one in brackets, such as ["one", "two"]',
    "dataclass_type": "not a table: give one, as in the shipped settings.toml",
    "string_type": "not a string: put it in quotes",
}


def pattern_validator(pattern: str, *, give: str) -> AfterValidator:
    """Create a validator of strings that a pattern must match from end to end.

    Args:
        pattern: The pattern.
        give: The pattern in words, for the error.
    """

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"give {give}")
        return text

    return AfterValidator(check)


def describe_errors(error: ValidationError) -> Iterator[str]:
    """Describe each wrong key once, without problems that only follow from another."""
    problems = error.errors(include_url=False, include_input=False)
    missing = [problem["loc"] for problem in problems if problem["type"] == _MISSING]
    for problem in problems:
        loc = problem["loc"]
        # A list whose items are wrong counts as too short.
        if not any(other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in problems):
            # A rule about several sections names its keys itself.
            where = f"{'.'.join(map(str, loc))}: " if loc else ""
            yield f"{where}{_problem_and_fix(problem, missing=missing)}"


def _problem_and_fix(problem: ErrorDetails, *, missing: Sequence[tuple[int | str, ...]]) -> str:
    loc, kind = problem["loc"], problem["type"]
    if kind == _MISSING:
        return "missing: add it (docs/settings.md explains it)"
    if kind == _UNKNOWN:
        import difflib  # noqa: PLC0415 - only for an error

        with_others = [str(each[-1]) for each in missing if each[:-1] == loc[:-1]]
        meant = difflib.get_close_matches(str(loc[-1]), with_others, n=1)
        return "unknown key; " + (
            f"did you mean {meant[0]}?" if meant else "remove it (docs/settings.md lists all keys)"
        )
    if kind in _FIXES:
        return _FIXES[kind]
    text = problem["msg"].removeprefix("Value error, ")
    return re.sub(r"^Input should be (.*?)(, unable to .*)?$", r"give \1", text)

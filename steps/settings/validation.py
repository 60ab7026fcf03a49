"""Errors about settings: the key, the problem, and the fix.

Guarantees that no error quotes a value, because a wrong value may be a credential in the wrong place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import AfterValidator, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

_MISSING, _UNKNOWN = "missing", "unexpected_keyword_argument"
_FIXES = {
    "too_short": "empty: give at least one",
    "string_too_short": "empty: give at least one character",
    "tuple_type": 'not a list: give one in brackets, such as ["one", "two"]',
    "dataclass_type": "not a table: give one (render --explain shows its keys)",
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


def describe_errors(error: ValidationError, *, values: Mapping[str, object]) -> Iterator[str]:
    """Describe each wrong key once, without problems that only follow from another; missing keys all together, first.

    Args:
        error: What pydantic found.
        values: What it looked at.
    """
    problems = [
        problem | {"loc": _written(problem["loc"], values=values)}
        for problem in error.errors(include_url=False, include_input=False)
    ]
    if missing := [_key(problem) for problem in problems if problem["type"] == _MISSING]:
        them = "it" if len(missing) == 1 else "them"
        yield f"{', '.join(missing)}: missing: add {them} (render --explain explains {them})"
    for problem in problems:
        loc = problem["loc"]
        # A list whose items are wrong counts as too short.
        follows = any(other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in problems)
        if problem["type"] == _UNKNOWN:
            yield f"{_key(problem)}: unknown key; {_meant(loc, problems=problems, values=values)}"
        elif problem["type"] != _MISSING and not follows:
            # A rule about several sections names its keys itself.
            where = f"{_key(problem)}: " if loc else ""
            yield f"{where}{_problem_and_fix(problem)}"


def _written(loc: tuple[int | str, ...], *, values: Mapping[str, object]) -> tuple[int | str, ...]:
    """Return the place of a problem in the file, where one value may stand for a list of one."""
    found: Any = values
    for place, each in enumerate(loc):
        if isinstance(found, str):
            return loc[:place]
        found = found[each] if isinstance(found, dict) and each in found else None
    return loc


def _key(problem: ErrorDetails) -> str:
    return ".".join(map(str, problem["loc"]))


def _meant(loc: tuple[int | str, ...], *, problems: Sequence[ErrorDetails], values: Mapping[str, object]) -> str:
    """Say which key of the same table was meant: one that is missing, or one that has a default."""
    import difflib  # noqa: PLC0415 - only for an error

    table: Any = values
    for each in loc[:-1]:
        table = table[each] if isinstance(table, dict) or isinstance(each, int) else {}
    beside = {kind: {each["loc"] for each in problems if each["type"] == kind} for kind in (_MISSING, _UNKNOWN)}
    known = [str(each[-1]) for each in beside[_MISSING] if each[:-1] == loc[:-1]]
    known += [key for key in table if (*loc[:-1], key) not in beside[_UNKNOWN]]
    meant = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f"did you mean {meant[0]}?" if meant else "remove it (render --explain lists all keys)"


def _problem_and_fix(problem: ErrorDetails) -> str:
    kind = problem["type"]
    if kind in _FIXES:
        return _FIXES[kind]
    text = problem["msg"].removeprefix("Value error, ")
    return re.sub(r"^Input should be (.*?)(, unable to .*)?$", r"give \1", text)

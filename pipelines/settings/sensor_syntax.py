"""Checks the branch patterns in the syntax of the Sensor, which is RE2.

Guarantees that the Sensor and the steps read each pattern and each of its examples alike. The Sensor reads the pattern
inside a pattern of the whole ref, where no anchor of a beginning matches. The steps read it alone, in Python's syntax,
which has more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import re2

from steps.domain import HEADS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steps.settings import TaskPattern

# What may hold a ^ or an A after a backslash without being an anchor.
_NO_ANCHOR = re.compile(r"\\[^A]|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


def ref_pattern(pattern: TaskPattern) -> str:
    """Return the pattern of the whole ref, not anchored."""
    return f"{HEADS}(?:{pattern.branch})"


def check_sensor_syntax(patterns: Iterable[TaskPattern]) -> None:
    """Check that RE2 reads the patterns of whole refs, and finds the same ids in the examples.

    Raises:
        ValueError: RE2 does not read a pattern, or matches other branches.
    """
    options = re2.Options()
    options.log_errors = False
    for place, pattern in enumerate(patterns):
        where = f"tasks.{place}.branch"
        try:
            compiled = re2.compile(ref_pattern(pattern), options)
        except re2.error as error:
            reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
            raise ValueError(f"{where}: the Sensor cannot read it, because it is not RE2: {reason}") from error
        if re.search(r"\^|\\A", _NO_ANCHOR.sub("", pattern.branch)):
            raise ValueError(
                f"{where}: an anchor (^ or \\A) inside it never matches in the Sensor: remove it, because the pattern "
                "is of the whole branch; write (?:.*/)? for an optional folder"
            )
        group: int | str = int(pattern.group) if pattern.group.isdigit() else pattern.group
        for example in (*pattern.examples, *pattern.counter_examples):
            match = compiled.fullmatch(f"{HEADS}{example}")
            found = f"{pattern.prefix}{match[group]}" if match and match[group] else ""
            if (match is not None, found) != (pattern.matches(example), pattern.text_of(example)):
                raise ValueError(
                    f"{where}: the Sensor (RE2) and the steps (Python) read it differently for {example!a}"
                )

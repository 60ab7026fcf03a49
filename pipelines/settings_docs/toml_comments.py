"""The comments in a settings file, from the descriptions of the settings.

Guarantees that values, their order and their spelling stay as they are, and that a comment block which a blank line
follows is kept: the file's own introduction, or an example that is commented out. A comment directly above a table or a
key, or behind a key, is generated, and is replaced.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.settings_docs.descriptions import setting_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTH, _LONGEST_ALIGNED = 120, 42
_HEADING = re.compile(r"\[+([\w.]+)\]+")
_KEY = re.compile(r"(\w+)\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """One key with its value, without comments; several lines if the value has several."""

    text: str
    about: str


def refresh_comments(text: str) -> str:
    """Replace the generated comments of a settings file.

    Raises:
        tomllib.TOMLDecodeError: The text is not TOML.
    """
    tomllib.loads(text)
    tables = {table.name: table for table in setting_tables()}
    written: list[str] = []
    statements: list[_Statement] = []
    comments: list[str] = []
    descriptions: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("#"):
            comments.append(line)
        elif not line.strip():
            written += [*_aligned(statements), *comments, ""]
            statements, comments = [], []
        elif heading := _HEADING.match(line):
            table = tables.get(heading[1])
            descriptions = table.keys | table.shorthand if table else {}
            written += [*_aligned(statements), *_above(table.about if table else ""), heading.group()]
            statements, comments = [], []
        else:
            statement = _statement(line, lines)
            key = _KEY.match(statement)
            statements.append(_Statement(text=statement, about=descriptions.get(key[1], "") if key else ""))
            comments = []
    written += [*_aligned(statements), *comments]
    return "\n".join(written) + "\n"


def _statement(line: str, following: Iterator[str]) -> str:
    """Read a key with its whole value, and drop the comment behind a value of one line."""
    statement = line
    while not _is_toml(statement):
        statement += f"\n{next(following)}"
    if "\n" in statement:
        return statement
    value = tomllib.loads(statement)
    places = [place for place, character in enumerate(statement) if character == "#"]
    shortest = (statement[:place].rstrip() for place in places)
    return next((each for each in shortest if _is_toml(each) and tomllib.loads(each) == value), statement.rstrip())


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _above(about: str) -> list[str]:
    """Wrap a comment for the lines above a table or a key."""
    return textwrap.wrap(about, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _aligned(statements: list[_Statement]) -> Iterator[str]:
    """Write the keys of a table, each comment behind its key in one column, or above the key if it does not fit."""
    column = max((len(each.text) for each in statements if len(each.text) <= _LONGEST_ALIGNED), default=0)
    for each in statements:
        line = f"{each.text:<{column}} # {each.about}" if each.about else each.text
        if len(each.text) <= column and len(line) <= _WIDTH:
            yield line
        else:
            yield from _above(each.about)
            yield each.text

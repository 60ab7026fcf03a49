"""What a setting means, its default, and what a settings file says: the answer of `render --explain`.

Guarantees that it also answers for a file that cannot be rendered yet: only the asked keys are looked at.
"""

from __future__ import annotations

import difflib
import json
import textwrap
from typing import TYPE_CHECKING, Any

from pipelines.settings import default_values, example_values
from pipelines.settings_docs.descriptions import Table, setting_tables
from steps.core import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WIDTH = 120
_MISSING = object()


def explain_settings(key: str, *, own: Mapping[str, Any], source: str) -> str:
    """Explain one key, one table, or all.

    Args:
        key: Such as `stop.grace_s` or `stop`; empty for all.
        own: The keys of the user's file.
        source: The file's name.

    Raises:
        BadInputError: The key does not exist.
    """
    tables = {table.name: table for table in setting_tables()}
    name, _, rest = key.strip("[]").partition(".")
    # As errors write it: agents.0.plural.
    rest = rest.partition(".")[2] if rest.partition(".")[0].isdecimal() else rest
    if not key:
        return "\n\n".join(_table(table, own=own, source=source) for table in tables.values())
    if name in tables and not rest:
        return _table(tables[name], own=own, source=source)
    # Inside a value such as workflow.limits.cpu, the whole value is explained.
    if name in tables and rest.partition(".")[0] in _keys(tables[name]):
        return "\n".join(_key(tables[name], rest.partition(".")[0], own=own, source=source))
    known = [*tables, *(f"{table.name}.{each}" for table in tables.values() for each in _keys(table))]
    by_last = [each for each in known if each.rpartition(".")[2] == key]
    meant = by_last or difflib.get_close_matches(key, known, n=3)
    raise BadInputError(
        f"{key}: no such setting; " + (f"did you mean {', '.join(meant)}?" if meant else "--explain alone lists all")
    )


def _table(table: Table, *, own: Mapping[str, Any], source: str) -> str:
    lines = [table.heading, *textwrap.wrap(table.about, _WIDTH)]
    for key in _keys(table):
        lines += ["", *_key(table, key, own=own, source=source)]
    return "\n".join(lines)


def _key(table: Table, key: str, *, own: Mapping[str, Any], source: str) -> Iterator[str]:
    yield f"{table.name}.{key}"
    yield from textwrap.wrap(_keys(table)[key], _WIDTH, initial_indent="  ", subsequent_indent="  ")
    if key in table.shorthand:
        yield "  default: none"
    elif (default := _value(default_values(), table, key)) is not _MISSING or key in table.left_out:
        default = table.left_out[key] if default is _MISSING else default
        yield f"  default: {json.dumps(default)}"
    else:
        example = table.samples.get(key) or _value(example_values(), table, key)
        yield f"  required, for example: {json.dumps(example)}"
    if (value := _value(own, table, key)) is not _MISSING:
        yield f"  {source}: {json.dumps(value, default=str)}"


def _keys(table: Table) -> dict[str, str]:
    return table.shorthand | table.keys


def _value(values: Mapping[str, Any], table: Table, key: str) -> object:
    """Look a key up; in the first of several tables. A file may have anything in the place of a table."""
    found = values.get(table.name)
    if isinstance(found, list):
        found = found[0] if found else None
    return found.get(key, _MISSING) if isinstance(found, dict) else _MISSING

"""The presets of agent kinds: an `[[agents]]` table may name one and give only the keys that differ.

Guarantees that a table without `preset` stays as it is, that a key of the table replaces that of the preset as a whole,
and that the steps see expanded tables only. Not guaranteed: that a table is complete. Some keys no preset can know.
"""

from __future__ import annotations

import difflib
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from steps.core import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

PRESET = "preset"
_FOLDER = files("pipelines.settings") / "presets"


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets."""
    return tuple(sorted(each.name.removesuffix(".toml") for each in _FOLDER.iterdir() if each.name.endswith(".toml")))


def read_preset(name: str) -> dict[str, Any]:
    """Return the keys that a preset gives to an `[[agents]]` table."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text())


def expand_presets(values: Mapping[str, Any], *, source: str) -> dict[str, Any]:
    """Replace the name of a preset in each `[[agents]]` table by the keys of that preset.

    Args:
        values: The settings as they were read.
        source: Origin of the values, for the error.

    Raises:
        BadInputError: There is no preset of that name.
    """
    tables = values.get("agents")
    if not isinstance(tables, list):
        return dict(values)
    return {**values, "agents": [_expanded(each, where=f"{source}: agents.{at}") for at, each in enumerate(tables)]}


def _expanded(table: Any, *, where: str) -> Any:  # noqa: ANN401 - TOML is any value
    if not isinstance(table, dict) or PRESET not in table:
        return table
    name, names = table[PRESET], preset_names()
    if name not in names:
        near = difflib.get_close_matches(str(name), names, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise BadInputError(f"{where}.{PRESET}: no preset of this name; {meant}The presets are {', '.join(names)}")
    return read_preset(name) | {key: value for key, value in table.items() if key != PRESET}

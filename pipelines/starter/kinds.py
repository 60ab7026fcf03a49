"""The kinds of agents that `init` knows, and the `[[agents]]` table that it writes for one.

Guarantees that only this module decides how a kind is written. Not guaranteed: that the paths fit every platform; a
person reads the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.settings import example_values

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_KIND = "code-run"
_AGENTS = ("cancellable", "exempt")


def known_kinds() -> dict[str, dict[str, Any]]:
    """Return the keys of each known kind, by its name."""
    return {DEFAULT_KIND: {key: value for key, value in example_values()["agents"][0].items() if key not in _AGENTS}}


def agent_table(kind: str, *, cancellable: Sequence[str], exempt: Sequence[str]) -> dict[str, Any]:
    """Return the keys of the `[[agents]]` table that the settings file gets."""
    # What a person has to decide comes first.
    return {"cancellable": list(cancellable), "exempt": list(exempt)} | known_kinds()[kind]

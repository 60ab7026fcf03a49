"""A user's settings over the defaults.

Guarantees that a key of the user always wins, and that a list or an array of tables replaces the default as a whole:
two lists are never mixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def layer(values: Mapping[str, Any], *, over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the user's values over the defaults, table by table.

    Args:
        values: What the user's file says.
        over: The defaults.
    """
    merged = dict(over)
    for key, value in values.items():
        default = over.get(key)
        both = isinstance(value, dict) and isinstance(default, dict)
        merged[key] = layer(value, over=default) if both and default is not None else value
    return merged

"""The settings that the package brings: the defaults, and an example of a user's file.

Guarantees that both are read from the package, wherever it is installed, and never from the folder of the user.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

_DEFAULTS, _EXAMPLE = "defaults.toml", "example.toml"


def default_text() -> str:
    """Return the annotated defaults, as TOML."""
    return _read(_DEFAULTS)


def example_text() -> str:
    """Return an example of a user's file, as TOML: the keys without a default."""
    return _read(_EXAMPLE)


def default_values() -> dict[str, Any]:
    """Return the value of every key that has a default."""
    return tomllib.loads(default_text())


def example_values() -> dict[str, Any]:
    """Return the values of the example."""
    return tomllib.loads(example_text())


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")

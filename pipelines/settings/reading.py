"""Read a settings file: the user's keys over the packaged defaults.

Guarantees that what it returns is whole: every key has a value, from the file or from the defaults. An error names the
file and the key.
"""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING, Any

from pipelines.settings.decoding import decode
from pipelines.settings.kind_presets import expand_presets
from pipelines.settings.layering import layer
from pipelines.settings.older_settings import from_older_version
from pipelines.settings.packaged import default_values, example_values
from pipelines.settings.settings_tree import Settings
from steps.core import BadInputError
from steps.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


def _say(note: str) -> None:
    sys.stderr.write(f"{note}\n")


def read_settings(path: Path, *, say: Callable[[str], object] = _say) -> Settings:
    """Read a settings file.

    Args:
        path: The file.
        say: Called with each key of an older version that has changed.

    Raises:
        BadInputError: The file is missing, is not TOML, or has an unknown or malformed key, or lacks one that has no
            default.
    """
    return settings_from(read_values(path), source=str(path), say=say)


def read_values(path: Path) -> dict[str, Any]:
    """Read the keys that a settings file has, without the defaults.

    Raises:
        BadInputError: The file is missing, or is not TOML.
    """
    try:
        text = decode(path.read_bytes(), source=str(path))
        return tomllib.loads(text)
    except OSError as error:
        raise BadInputError(
            f"{path}: {error.strerror}: run this in the folder of the settings, or give their file by --settings"
        ) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInputError(f"{path}: not TOML: {error}: correct that line") from error


def settings_from(values: Mapping[str, Any], *, source: str, say: Callable[[str], object] = _say) -> Settings:
    """Create the settings from a user's keys.

    Args:
        values: Nested mapping from TOML.
        source: Origin of the values, for the error.
        say: Called with each key of an older version that has changed.

    Raises:
        BadInputError: A key is unknown or malformed, or lacks a default and is missing.
    """
    return load_settings(Settings, _whole(values, source=source, say=say), source=source)


def example_settings() -> Settings:
    """Return the settings of the packaged example."""
    return settings_from(example_values(), source="example.toml")


def _whole(values: Mapping[str, Any], *, source: str, say: Callable[[str], object]) -> dict[str, Any]:
    """Complete a user's keys. What rewrites the user's keys before they are checked belongs here, in this order."""
    for key, text in _texts(values):
        if any(ord(character) < ord(" ") for character in text):
            raise BadInputError(f"{source}: {key}: it has a line end or another control character: remove it")
    found, notes = from_older_version(values, source=source)
    for note in notes:
        say(f"{source}: {note}")
    return layer(expand_presets(found, source=source), over=default_values())


def _texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """List every text in a tree, each with its key."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _texts(inner, f"{key}.{place}")

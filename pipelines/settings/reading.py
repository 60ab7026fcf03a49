"""Read a settings file."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pipelines.settings.kind_presets import expand_presets
from pipelines.settings.settings_tree import Settings
from steps.core import BadInputError
from steps.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def read_settings(path: Path) -> Settings:
    """Read a settings file.

    Raises:
        BadInputError: The file is missing, is not TOML, or has an unknown, missing or malformed key, or names no
            preset of an agent kind.
    """
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise BadInputError(
            f"{path}: {error.strerror}: run this in the folder of the settings, or give their file by --settings"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: not TOML: {error}: correct that line") from error
    return load_settings(Settings, expand_presets(values, source=str(path)), source=str(path))

"""Settings files for tests, from the packaged files and never from a person's own.

Guarantees that a text which a test wants to replace is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pipelines.settings.packaged import default_text, example_text


def whole_text() -> str:
    """Every key in one file: the defaults, and the example's keys in the tables that they belong to."""
    text = default_text()
    for table in re.split(r"(?m)^(?=\[)", example_text())[1:]:
        heading, _, keys = table.partition("\n")
        if heading + "\n" in text:
            text = text.replace(f"{heading}\n", f"{heading}\n{keys.rstrip()}\n")
        else:
            text += f"\n{table}"
    return text


def changed_text(changes: Mapping[str, str]) -> str:
    """Every key in one file, with some texts replaced, each of which must be there."""
    text = whole_text()
    for old, new in changes.items():
        if old not in text:
            raise LookupError(f"the settings have no {old!r}")
        text = text.replace(old, new)
    return text


def write_settings(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """Write a settings file into a folder; its path."""
    path = folder / "settings.toml"
    path.write_text(changed_text(changes or {}), encoding="utf-8")
    return path

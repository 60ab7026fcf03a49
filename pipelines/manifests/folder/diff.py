"""The difference between the rendered files and a folder, line by line."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pipelines.manifests.folder.writing import rendered_before

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def diff_folder(files: dict[str, str], *, output: Path) -> Iterator[str]:
    """Yield what `render` would change, as a unified diff; files that others put there do not count."""
    for path, text in files.items():
        before = (output / path).read_text(encoding="utf-8") if (output / path).is_file() else ""
        yield from diff_texts(before, text, before_name=f"{output}/{path}", name=path)
    for path in rendered_before(files, output=output):
        before = (output / path).read_text(encoding="utf-8")
        yield from diff_texts(before, "", before_name=f"{output}/{path}", name="/dev/null")


def diff_texts(before: str, text: str, *, before_name: str, name: str) -> Iterator[str]:
    """Yield the unified diff of two texts."""
    yield from difflib.unified_diff(
        before.splitlines(), text.splitlines(), fromfile=before_name, tofile=f"rendered/{name}", lineterm=""
    )

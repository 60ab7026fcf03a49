"""One thing that is wrong with a manifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, and where: `CronWorkflow/name` and a path such as `spec.triggers[0].template`."""

    where: str
    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.path or 'the object'}: {self.what}"


def name_of(manifest: dict[str, object]) -> str:
    """Name a manifest in messages."""
    metadata = manifest.get("metadata")
    name = metadata.get("name") or metadata.get("generateName") if isinstance(metadata, dict) else None
    return f"{manifest.get('kind', 'an object without kind')}/{name or '?'}"


def join(*parts: Iterable[str | int] | str | int) -> str:
    """Write a path the way people read it: `a.b[0].c`."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif isinstance(part, str):
            text += f".{part}" if text and part else part
        else:
            text = join(text, *part)
    return text

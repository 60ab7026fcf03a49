"""Folders of derived files outside the repository, each built once and then only read.

Guarantees: an entry is complete or absent, also when two processes ask for it at once or one dies half-way.
Does not: expire anything. An entry's name holds the version of what is in it, so a new version is a new entry.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Unavailable(RuntimeError):  # noqa: N818 - a state of the machine rather than a mistake
    """A published description cannot be had here; the message says what to install."""


def root() -> Path:
    """Give the folder that holds all entries."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "agent-cancellation"


def entry(name: str, *, build: Callable[[Path], None]) -> Path:
    """Give the entry's folder; `build` fills an empty folder when there is none yet."""
    folder = root() / name
    if folder.is_dir():
        return folder
    root().mkdir(parents=True, exist_ok=True)
    with (root() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another process may have built it while this one waited.
        if not folder.is_dir():
            draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root()))
            try:
                build(draft)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return folder

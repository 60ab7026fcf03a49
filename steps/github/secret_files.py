"""The values of a Secret, from the files that are mounted from it.

Guarantees that a value which is not text is an error that names its key, and that no error shows a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import ForbiddenError

if TYPE_CHECKING:
    from pathlib import Path

# What a decoder puts where the bytes are not UTF-8.
NOT_UTF8 = "\ufffd"


def read_secret_file(path: Path) -> str:
    """Return a value without white space around it; bytes that are not UTF-8 as `NOT_UTF8`.

    Raises:
        ForbiddenError: The file cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8", errors="replace").strip()
    except OSError as error:
        raise ForbiddenError(
            f"{path.name} in {path.parent} cannot be read: {error.strerror}: correct the mount of the Secret"
        ) from error

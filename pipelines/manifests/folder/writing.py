"""The folder of the rendered files: its differences from them, and how it is written.

Guarantees that only files which `render` wrote are replaced or removed, that a file is never half-written, and that a
write which was interrupted between two files leaves a folder that kustomize refuses, never a mixture that it applies.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from steps.core import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "# Rendered by agent-cancellation (make render): do not edit.\n"
_KUSTOMIZATION = "kustomization.yaml"
# What stands in for a kustomization while its folder is written.
_INTERRUPTED = f"{HEADER}# This render was interrupted.\nresources:\n- interrupted-render-run-it-again.yaml\n"
_STAGED = ".render-staged"


def find_drift(files: dict[str, str], *, output: Path) -> list[str]:
    """List the differences between a folder and the rendered files. Files that `render` did not write do not count."""
    missing = [f"{path}: missing" for path in files if not (output / path).is_file()]
    there = {path: text for path, text in files.items() if (output / path).is_file()}
    changed = [f"{path}: differs" for path, text in there.items() if _differs(output / path, text)]
    return missing + changed + [f"{path}: stale" for path in rendered_before(files, output=output)]


def write_files(files: dict[str, str], *, output: Path) -> None:
    """Write the files, and remove files that an earlier version rendered.

    Raises:
        BadInputError: A file that `render` did not write is in the way; nothing was written.
        OSError: The folder cannot be written.
    """
    foreign = [path for path, text in files.items() if not _is_replaceable(output / path, text)]
    if foreign:
        raise BadInputError(
            f"{output}: {', '.join(foreign)}: not written by render: give another folder by --output, or move what is "
            "in the way; nothing was written"
        )
    changed = {path: text for path, text in files.items() if _differs(output / path, text)}
    kustomizations = [path for path in files if path.rpartition("/")[2] == _KUSTOMIZATION] if len(changed) > 1 else []
    changed |= {path: files[path] for path in kustomizations}
    staged: dict[str, Path] = {}
    try:
        # Missing rights or a full disk show here, before the folder changes.
        for path, text in changed.items():
            staged[path] = _stage(output / path, text, suffix=_STAGED)
    except BaseException:
        for each in staged.values():
            each.unlink(missing_ok=True)
        raise
    for path in kustomizations:
        replace_file(output / path, _INTERRUPTED)
    for path in sorted(staged, key=lambda path: path in kustomizations):
        staged[path].replace(output / path)
    for path in rendered_before(files, output=output):
        (output / path).unlink()


def rendered_before(files: dict[str, str], *, output: Path) -> list[str]:
    """List the files that an earlier render left, and that are no longer rendered."""
    others = _others(files, output=output)
    return [path for path in others if path.endswith(_STAGED) or _starts_with_header(output / path)]


def replace_file(path: Path, text: str) -> None:
    """Write a file at once: it has the old text or the new one, whenever this is interrupted.

    Raises:
        OSError: It cannot be written.
    """
    _stage(path, text, suffix=f"-now{_STAGED}").replace(path)


def _stage(path: Path, text: str, *, suffix: str) -> Path:
    """Write the text beside the file that it will replace."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}{suffix}")
    try:
        with staged.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_bytes() != text.encode()


def _is_replaceable(path: Path, text: str) -> bool:
    """Whether the path is free, or has a file that `render` wrote."""
    if not os.path.lexists(path):
        return True
    if not path.is_file():
        return False
    if path.suffix != ".json":
        return _starts_with_header(path)
    # JSON has no comments: the uid marks a rendered dashboard.
    try:
        return bool(json.loads(path.read_bytes())["uid"] == json.loads(text)["uid"])
    except (ValueError, LookupError, TypeError):
        return False


def _starts_with_header(path: Path) -> bool:
    """Whether the first line is the generator's, also with Windows line ends."""
    with path.open("rb") as file:
        return file.readline().rstrip(b"\r\n") == HEADER.encode().rstrip(b"\n")


def _others(files: dict[str, str], *, output: Path) -> list[str]:
    """List the files in the folder that are not rendered, or no longer."""
    return sorted(
        path.relative_to(output).as_posix()
        for path in output.rglob("*")
        if path.is_file() and path.relative_to(output).as_posix() not in files
    )

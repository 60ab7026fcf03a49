"""Which permission of a GitHub App each operation takes, from the package that follows GitHub's page on them.

Guarantees that the content is the pinned one. Does not: know every operation; those that it lacks are in no answer.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

from tests.schemas.cache import entry
from tests.schemas.npm import Package, members

APP_PERMISSIONS = Package(
    name="@octokit/app-permissions",
    version="2.1.0",
    integrity="sha512-enxS7BhjntGdKl+xmrU8by9Sxa940/msBQEJGBjts+HKzAOKA//ayh7FuIC2ksNDuLVZG0VIwDYIj/nIqT5mxQ==",
)
_FILE = "generated/api.github.com.json"


def folder() -> Path:
    """Give the folder of the trimmed content."""
    return entry(f"github-app-permissions-{APP_PERMISSIONS.version}", build=_build)


@cache
def accepted(method: str, path: str) -> frozenset[tuple[str, str]]:
    """Give each permission, with its level, that alone allows an operation; none if the page lacks it."""
    permissions = json.loads((folder() / "permissions.json").read_bytes())
    route = f"{method.upper()} {path}"
    return frozenset(
        (name, level)
        for name, levels in permissions.items()
        for level in ("read", "write")
        if route in levels.get(level, ())
    )


def _build(target: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in members(APP_PERMISSIONS, scratch=Path(scratch)):
            if name == _FILE:
                (target / "permissions.json").write_text(json.dumps(json.load(content)["permissions"]))

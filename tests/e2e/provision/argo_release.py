"""The release of Argo Workflows that the cluster runs: the newest, or the one that the variable ARGO names.

Guarantees: each release is one committed go.mod, so its version and checksums are pinned.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.integration.control_plane.binaries import BinariesMissingError

MODULES = Path(__file__).parent / "go"
_NEWEST = "workflows"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoRelease:
    """A release.

    Attributes:
        folder: Folder of its go.mod.
        module: Its Go module.
        version: Without the leading v.
    """

    folder: str
    module: str
    version: str


def releases() -> tuple[ArgoRelease, ...]:
    """All releases that can be built, the newest first."""
    found = []
    for path in MODULES.glob(f"{_NEWEST}*/go.mod"):
        match = re.search(
            r"^require (github\.com/argoproj/argo-workflows/v\d+) v(\S+)$", path.read_text(), re.MULTILINE
        )
        if match is None:
            raise BinariesMissingError(f"{path} requires no release of Argo Workflows")
        found.append(ArgoRelease(folder=path.parent.name, module=match[1], version=match[2]))
    return tuple(sorted(found, key=lambda each: [int(part) for part in each.version.split(".")], reverse=True))


def argo_release(environ: Mapping[str, str] = os.environ) -> ArgoRelease:
    """The release to run.

    Raises:
        BinariesMissingError: ARGO names a release that has no go.mod.
    """
    known, wanted = releases(), environ.get("ARGO", "")
    for each in known:
        if each.version == wanted or (not wanted and each.folder == _NEWEST):
            return each
    raise BinariesMissingError(f"ARGO={wanted}: give one of {', '.join(each.version for each in known)}")

"""Where the cluster tier keeps things: what is built once in the cache, what one running cluster needs in `run`.

Guarantees: nothing is ever written into the repository. Not guaranteed: that the cache may lie below /run, which the
cluster's processes see as an empty folder of their own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """The folders, none of which need exist yet."""

    root: Path

    @property
    def images(self) -> Path:
        """Archives of the images."""
        return self.root / "cluster-images"

    @property
    def content(self) -> Path:
        """What containerd has unpacked of them; kept, because that takes longer than to start a cluster."""
        return self.root / "cluster-containerd"

    @property
    def run(self) -> Path:
        """State of the one cluster that may run on this machine; removed with it."""
        return self.root / "cluster-run"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig of the running cluster."""
        return self.run / "admin.kubeconfig"


def folders() -> Folders:
    """Find them by the environment."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve()
    return Folders(root=cache / "agent-cancellation")


def say(line: str) -> None:
    """Report progress to the person who waits."""
    os.write(2, f"cluster: {line}\n".encode())

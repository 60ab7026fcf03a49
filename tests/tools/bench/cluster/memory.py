"""How much memory each container of a pod took at most, as the kernel accounts for it.

Guarantees: the kernel's own peak, so no peak falls between two samples; page cache that the container was the first to
read is in it, which the kernel takes back before it refuses anything. Not guaranteed: that a container which lived for
less than the sampling interval is seen at all.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.provision.box import CGROUP

if TYPE_CHECKING:
    from collections.abc import Iterator

_CGROUPS = Path("/sys/fs/cgroup")
# Of cgroups version 1 and 2.
_PLACES = ((_CGROUPS / "memory" / CGROUP, "memory.max_usage_in_bytes"), (_CGROUPS / CGROUP, "memory.peak"))
_EVERY_S = 0.1
_MIB = 2**20


@dataclass(slots=True, kw_only=True)
class Peaks:
    """The highest that was seen, by container id."""

    bytes_of: dict[str, int] = field(default_factory=dict)

    def sample(self) -> None:
        """Read every container once."""
        for root, name in _PLACES:
            # Not glob: it fails on a folder that vanishes under it, as those of containers do.
            for place, _, files in os.walk(root):
                folder = Path(place)
                if name in files and folder.parent.name.startswith("pod"):
                    with suppress(OSError, ValueError):
                        found = int((folder / name).read_text())
                        self.bytes_of[folder.name] = max(found, self.bytes_of.get(folder.name, 0))

    def of(self, pod: dict[str, Any]) -> dict[str, float]:
        """MiB by container of a pod."""
        status = pod["status"]
        known = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
        ids = {each["name"]: str(each.get("containerID", "")).rpartition("/")[2] for each in known}
        return {name: self.bytes_of[key] / _MIB for name, key in ids.items() if key in self.bytes_of}


@contextmanager
def sampling() -> Iterator[Peaks]:
    """Sample until the context is left."""
    peaks, stop = Peaks(), threading.Event()

    def sample() -> None:
        while not stop.wait(_EVERY_S):
            peaks.sample()

    thread = threading.Thread(target=sample, name="memory")
    thread.start()
    try:
        yield peaks
    finally:
        stop.set()
        thread.join()

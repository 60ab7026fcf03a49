"""Passes the Lease from the pod's first container to the second, which saves one read.

A cache only: it plays no part in locking. The second container writes by compare-and-swap, so the API server refuses an
outdated copy, and the container then reads the Lease. It also reads the Lease if the copy is missing, malformed or of
another holder.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.lease.lease_object import read_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from steps.kube import Json
    from steps.lease.lease_object import LeaseSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseHandoff:
    """A file on the pod's volume."""

    path: Path

    def leave(self, lease: Json) -> None:
        """Write the Lease to the file. Ignores errors."""
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(self.path, flags, 0o600), "w") as file:
                json.dump(lease, file)
        except OSError:
            return

    def take(self, *, holder: str) -> LeaseSnapshot | None:
        """Return the Lease in the file if this holder holds it; else None.

        Args:
            holder: holderIdentity of this pod.
        """
        try:
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
                left = read_snapshot(json.load(file))
        except (OSError, ValueError, AttributeError):
            return None
        return left if left.holder == holder else None

"""What the pod's first container leaves its second: the Lease as it wrote it last, which need not be read again.

Guarantees nothing of the lock's and needs not to: the second container writes by compare-and-swap, so a copy that is
out of date is refused, and the Lease then read and compared as after any lost answer. A copy that is missing, broken or
of another holder is none: the Lease is read. One request less for each cancellation is all this is for.
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
    """A file on the pod's own volume."""

    path: Path

    def leave(self, lease: Json) -> None:
        """Leave the Lease; a file that cannot be written is not missed."""
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW
        try:
            with os.fdopen(os.open(self.path, flags, 0o600), "w") as file:
                json.dump(lease, file)
        except OSError:
            return

    def take(self, *, holder: str) -> LeaseSnapshot | None:
        """The Lease that was left, if it was left by this holder.

        Args:
            holder: holderIdentity of this pod.
        """
        try:
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
                left = read_snapshot(json.load(file))
        except (OSError, ValueError, AttributeError):
            return None
        return left if left.holder == holder else None

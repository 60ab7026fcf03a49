"""The size of a message that an EventBus carries, as its manifest gives it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steps.kube import Json

# What Argo Events configures if the manifest says nothing.
_DEFAULT = "1MB"
_SIZE = re.compile(r"([0-9]{1,18}) *([kmg]?)(i?b?)", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3}


def carried_bytes(spec: Json) -> int | None:
    """Return the largest message of a JetStream EventBus, in bytes; None if it is not known or not limited.

    The bus reads `1M` as 1,000,000 and `1MB` as 1,048,576 bytes. A bus outside the cluster has a limit of its own.

    Args:
        spec: The `spec` of the EventBus.
    """
    jetstream = spec.get("jetstream")
    if not isinstance(jetstream, dict):
        return None
    match = _SIZE.fullmatch(str(jetstream.get("maxPayload") or _DEFAULT).strip())
    if match is None:
        return None
    base = 1024 if match[3] else 1000
    return int(match[1]) * base ** _POWERS[match[2].lower()] or None

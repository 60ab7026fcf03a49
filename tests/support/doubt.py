"""How long an agent works before a push can stop it.

Guarantees: after `wait_out_doubt`, the decision does not keep the runs because they might be newer than the push.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from steps.domain.watermark import RESOLUTION_S

if TYPE_CHECKING:
    from collections.abc import Callable

# A creation time and a push time are whole seconds, so their difference is up to 1 s wrong.
_TRUNCATION_S = 1.0
_POLL_S = 0.05


def wait_out_doubt(
    started: float, *, clock: Callable[[], float] = time.time, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait until runs that exist since `started` (seconds since the epoch) are certainly older than a push now."""
    while clock() < started + RESOLUTION_S + _TRUNCATION_S:
        sleep(_POLL_S)

"""How often a task was repaired, and whether it waits for a person: on its Lease, for whoever looks.

Guarantees that a count is never lost and never taken back by somebody else's write: each change is a compare-and-swap
on what was just read. The count is forgotten once the task is healthy, and when the task is handed over: whoever
removes the label gives it as many tries again.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.clock import parse_stamp, stamp
from steps.errors import ConflictError, NotFoundError, UnavailableError
from steps.hold import PREFIX
from steps.kube import LEASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.kube import Json
    from steps.sweep import Sweep

REPAIRS = f"{PREFIX}/repairs"
ATTENTION = f"{PREFIX}/needs-attention"
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """Repairs of one task since it was last healthy."""

    count: int = 0
    last_at: datetime | None = None

    def ready_at(self, now: datetime, *, backoff_s: float, longest: int) -> bool:
        """Whether the pause after the last one is over.

        Args:
            now: The moment that is asked about.
            backoff_s: Seconds after the first try; doubled with each further one.
            longest: The try from which on it is no longer doubled.
        """
        if self.last_at is None or not self.count:
            return True
        # A time in the future was written by a clock that is wrong: it must not hold the task up.
        return not 0 <= (now - self.last_at).total_seconds() < backoff_s * 2 ** (min(self.count, longest) - 1)


def read(metadata: Json) -> Tries:
    """The tries that a Lease's metadata tells of; none if that can't be read."""
    try:
        found = json.loads((metadata.get("annotations") or {})[REPAIRS])
        return Tries(count=max(0, int(found["count"])), last_at=parse_stamp(found["at"]))
    except (KeyError, ValueError, TypeError, RecursionError):
        return Tries()


def is_handed_over(metadata: Json) -> bool:
    """Whether the task waits for a person."""
    return ATTENTION in (metadata.get("labels") or {})


def count(lease: str, *, to: int, what: str, sweep: Sweep) -> None:
    """Write down that this many tries were made, the last one now; twice is once, if an answer was lost."""

    def counted(metadata: Json) -> None:
        if read(metadata).count >= to:
            return
        text = json.dumps({"count": to, "at": stamp(sweep.now()), "what": what})
        metadata["annotations"] = (metadata.get("annotations") or {}) | {REPAIRS: text}

    _change(lease, counted, sweep=sweep)


def forget(lease: str, *, sweep: Sweep) -> None:
    """The task is healthy: the next repair is a first one."""
    _change(lease, lambda metadata: (metadata.get("annotations") or {}).pop(REPAIRS, None), sweep=sweep)


def hand_over(lease: str, *, sweep: Sweep) -> None:
    """Leave the task to a person: label its Lease."""

    def labelled(metadata: Json) -> None:
        metadata["labels"] = (metadata.get("labels") or {}) | {ATTENTION: "true"}
        (metadata.get("annotations") or {}).pop(REPAIRS, None)

    _change(lease, labelled, sweep=sweep)


def _change(lease: str, edit: Callable[[Json], object], *, sweep: Sweep) -> None:
    namespace = sweep.settings.namespaces.workflows
    for attempt in range(_ATTEMPTS):
        try:
            stored = sweep.kube.get(LEASES, namespace=namespace, name=lease)
            wanted = copy.deepcopy(stored)
            edit(wanted["metadata"])
            if wanted != stored:
                sweep.kube.replace(LEASES, namespace=namespace, body=wanted)
        except NotFoundError:
            return
        except (ConflictError, UnavailableError):
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return

"""The holders of a task's Lease and the writes to the task meanwhile, in the order of etcd's revisions.

Guarantees: judged from outside, by what reached the API server; a hold that another holder took over differs from one
that was released. Not guaranteed: anything about what never reached the API server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from steps.cancellation.state_update import STATE_EPOCH
from tests.e2e.support.history import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One hold: from the write that took it to the write that ended it."""

    holder: str
    epoch: int
    taken: int
    ended: int
    released: bool


def holds(changes: Iterable[Change]) -> list[Held]:
    """The holds of one Lease, in order; one that has not ended is an error."""
    found: list[Held] = []
    holder, epoch, taken = "", 0, 0
    for change in changes:
        spec = change.body["spec"]
        now = (spec.get("holderIdentity") or "", spec["leaseTransitions"])
        if now == (holder, epoch):
            continue
        if holder:
            released = now == ("", epoch)
            found.append(Held(holder=holder, epoch=epoch, taken=taken, ended=change.revision, released=released))
        (holder, epoch), taken = now, change.revision
    assert not holder, f"the Lease is still held by {holder}"
    return found


def check(found: list[Held], *, runs: Iterable[Change], states: Iterable[Change]) -> None:
    """Every epoch is one holder's and followed by the next; every effect on the task falls into a hold, and says whose.

    Args:
        found: The holds of the task's Lease, since there was one.
        runs: Changes of the task's runs.
        states: Changes of the task's state document.
    """
    assert [each.epoch for each in found] == list(range(1, len(found) + 1))
    assert all(earlier.ended < later.taken for earlier, later in pairwise(found)), "two held the Lease at once"
    for change in _deletions(runs):
        assert any(each.taken < change.revision < each.ended for each in found), f"{change.name}: deleted by no holder"
    for change in states:
        epoch = (change.body["metadata"].get("annotations") or {}).get(STATE_EPOCH)
        if epoch is not None:
            held = next(each for each in found if each.epoch == int(epoch))
            assert held.taken < change.revision < held.ended, f"state was written outside the hold of epoch {epoch}"


def at_once(found: Iterable[Held]) -> int:
    """How many holds, of whatever Leases, there were at the same time at most."""
    steps = sorted([(each.taken, 1) for each in found] + [(each.ended, -1) for each in found])
    level = highest = 0
    for _, step in steps:
        level += step
        highest = max(highest, level)
    return highest


def _deletions(runs: Iterable[Change]) -> Iterator[Change]:
    """The first change of each run with a deletionTimestamp."""
    seen: set[str] = set()
    for change in runs:
        metadata = change.body["metadata"]
        if metadata.get("deletionTimestamp") and metadata["uid"] not in seen:
            seen.add(metadata["uid"])
            yield change

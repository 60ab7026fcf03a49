"""Follows owner references: up from an object to its owners, and down to everything that it owns.

Guarantees that both directions end, even if objects own each other in a circle. A stale run that owns a kept run,
directly or through other objects, is found: its deletion would let the garbage collector delete the kept run as well.
Not covered: an owner reference from or to an object that the caller does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    # The uids of an object's owners, by the object's uid.
    Owners = Mapping[str, Collection[str]]


def find_owners(uids: Iterable[str], *, owners: Owners) -> frozenset[str]:
    """Return the uids of all owners of these objects, direct and indirect ones.

    Args:
        uids: The objects.
        owners: The uids of each object's owners, by its uid.
    """
    found: set[str] = set()
    to_follow = list(uids)
    while to_follow:
        new = set(owners.get(to_follow.pop(), ())) - found
        found |= new
        to_follow += new
    return frozenset(found)


def find_owned(uids: Iterable[str], *, owners: Owners, barrier: Collection[str] = ()) -> frozenset[str]:
    """Return the uids of everything that these objects own, directly and indirectly.

    Args:
        uids: The objects.
        owners: The uids of each object's owners, by its uid.
        barrier: Objects that are neither found nor followed.
    """
    owned_by: dict[str, list[str]] = {}
    for uid, references in owners.items():
        for owner in references:
            owned_by.setdefault(owner, []).append(uid)
    found: set[str] = set()
    excluded = set(barrier)
    to_follow = list(uids)
    while to_follow:
        new = set(owned_by.get(to_follow.pop(), ())) - found - excluded
        found |= new
        to_follow += new
    return frozenset(found)


def find_spared(stale: Collection[str], *, kept: Iterable[str], owners: Owners) -> dict[str, str]:
    """Find the stale runs that must not be deleted because they own a kept run.

    Args:
        stale: Uids of the stale runs.
        kept: Uids of the runs that are kept.
        owners: The uids of each object's owners, by its uid.

    Returns:
        The uid of the first kept run that each of them owns, by the uid of the stale run.
    """
    found: dict[str, str] = {}
    wanted = set(stale)
    for uid in kept:
        for owner in find_owners([uid], owners=owners) & wanted:
            found.setdefault(owner, uid)
    return found

"""An object that a run may own, as a metadata-only list shows it: its name, its labels, and its owner references.

Guarantees that an object without optional metadata is read as well. Not guaranteed: that an owner exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from steps.core import parse_time
from steps.kube import Resource  # noqa: TC001 - part of a public dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from steps.kube import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerReference:
    """One owner of an object."""

    api_version: str
    kind: str
    name: str
    uid: str

    @property
    def group(self) -> str:
        """API group of the owner; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def is_pod(self) -> bool:
        """Whether the owner is a pod."""
        return (self.api_version, self.kind) == ("v1", "Pod")

    @property
    def plurals(self) -> tuple[str, str, str]:
        """The plural names that the owner's kind may have. A reference has no plural; these are the usual three."""
        singular = self.kind.casefold()
        return f"{singular}s", f"{singular}es", f"{singular[:-1]}ies"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedObject:
    """One object.

    Attributes:
        owners: Its owner references.
    """

    resource: Resource
    name: str
    uid: str
    resource_version: str
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[OwnerReference, ...] = ()

    @property
    def owner_uids(self) -> frozenset[str]:
        """Uids of its owners."""
        return frozenset(owner.uid for owner in self.owners)


def read_owners(metadata: Mapping[str, Any]) -> tuple[OwnerReference, ...]:
    """Read the owner references of an object's metadata."""
    return tuple(
        OwnerReference(api_version=each["apiVersion"], kind=each["kind"], name=each["name"], uid=each["uid"])
        for each in metadata.get("ownerReferences") or ()
    )


def read_object(obj: Json, *, resource: Resource) -> OwnedObject:
    """Read an object of a list."""
    metadata = obj["metadata"]
    return OwnedObject(
        resource=resource,
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        created_at=parse_time(metadata["creationTimestamp"]),
        labels=metadata.get("labels") or {},
        owners=read_owners(metadata),
    )

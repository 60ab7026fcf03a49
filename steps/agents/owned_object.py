"""An object that a run may own, as a metadata-only list shows it: its name, its labels, and its owner references.

Guarantees that an object without optional metadata is read as well, and that no owner reference is followed into
another namespace. Not guaranteed: that an owner exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from steps.core import parse_time
from steps.domain import namespaced_name
from steps.kube import Resource  # noqa: TC001 - part of a public dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from steps.kube import Json


# Texts of an object go into the record, and the record has to fit into an annotation.
MAX_TEXT = 256
# The garbage collector removes its own finalizers, once what the object owns is gone.
_COLLECTOR_FINALIZERS = frozenset({"foregroundDeletion", "orphan"})


@dataclass(frozen=True, slots=True)
class Finalizers:
    """The finalizers of an object.

    Attributes:
        names: In the order of the object.
    """

    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Finalizers:
        """Read them from the metadata of an object."""
        return cls(tuple(str(name)[:MAX_TEXT] for name in metadata.get("finalizers") or ()))

    @property
    def are_foreign(self) -> bool:
        """Whether another controller than the garbage collector has to remove one."""
        return not _COLLECTOR_FINALIZERS.issuperset(self.names)

    def __str__(self) -> str:
        """The names, for a message."""
        return ", ".join(self.names)


NO_FINALIZERS = Finalizers()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerReference:
    """One owner of an object.

    Attributes:
        controller: Whether it manages the object, as a Job does its pods.
    """

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False

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
        namespace: Its namespace; empty if its kind has none.
        owners: Its owner references.
        held_by: The finalizers of a deleted object that is held by one; none otherwise.
    """

    resource: Resource
    name: str
    uid: str
    resource_version: str
    created_at: datetime
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[OwnerReference, ...] = ()
    held_by: Finalizers = NO_FINALIZERS

    @property
    def finalizer_note(self) -> str:
        """The end of a sentence that names the finalizers that hold it; empty if none does."""
        return f"; its finalizers are {self.held_by}" if self.held_by.are_foreign else ""

    @property
    def key(self) -> str:
        """Namespace and name, which identify it among the objects of its kind."""
        return namespaced_name(self.namespace, self.name)

    @property
    def owner_uids(self) -> frozenset[str]:
        """Uids of its owners."""
        return frozenset(owner.uid for owner in self.owners)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSelector:
    """The labels of one run's pods.

    Attributes:
        namespace: The run's namespace, and that of its pods.
        created_before: The time when another run with the same name was created; None if there is none. A pod that is
            not older belongs to that run.
    """

    run_uid: str
    run_name: str
    resource: Resource
    labels: Mapping[str, str]
    namespace: str = ""
    created_before: datetime | None = None

    def matches(self, pod: OwnedObject) -> bool:
        """Whether a pod of the run's namespace has these labels, and is not a pod of the run's namesake."""
        is_older = self.created_before is None or pod.created_at < self.created_before
        return is_older and pod.namespace == self.namespace and self.labels.items() <= pod.labels.items()


def read_owners(metadata: Mapping[str, Any]) -> tuple[OwnerReference, ...]:
    """Read the owner references of an object's metadata."""
    return tuple(
        OwnerReference(
            api_version=each["apiVersion"],
            kind=each["kind"],
            name=each["name"],
            uid=each["uid"],
            controller=each.get("controller") is True,
        )
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
        namespace=metadata.get("namespace", ""),
        labels=metadata.get("labels") or {},
        owners=read_owners(metadata),
        held_by=Finalizers.of(metadata) if "deletionTimestamp" in metadata else NO_FINALIZERS,
    )


def within_namespaces(
    objects: Iterable[OwnedObject], *, others: Iterable[OwnedObject] = (), known: Mapping[str, str] | None = None
) -> list[OwnedObject]:
    """Return objects without the owner references that lead into another namespace.

    Kubernetes does not follow them either: to the garbage collector, such an owner does not exist.

    Args:
        objects: The objects.
        others: Further objects that may be owners.
        known: The namespaces of further owners, by uid.
    """
    listed = list(objects)
    homes = dict(known or {}) | {each.uid: each.namespace for each in (*listed, *others)}

    def is_near(each: OwnedObject, owner: OwnerReference) -> bool:
        return homes.get(owner.uid, each.namespace) == each.namespace

    return [
        each
        if all(is_near(each, owner) for owner in each.owners)
        else replace(each, owners=tuple(owner for owner in each.owners if is_near(each, owner)))
        for each in listed
    ]

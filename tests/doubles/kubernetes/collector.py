"""The garbage collector: dependents follow owners, foreground deletions wait, orphans are let go.

Guarantees: owners are found by kind, name *and* uid in the dependent's own namespace; a dependent whose owners are all
absent or deleting in the foreground is deleted; a foreground owner stays until no dependent blocks it; a dependent
that has dependents itself is deleted in the foreground too; owners in a circle do not wait for each other; a deleted
namespace is emptied first.
Not guaranteed: how long the real collector takes; here it works at once unless it is switched off.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.doubles.kubernetes.deletion import FOREGROUND_FINALIZER, ORPHAN_FINALIZER, Options, delete
from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.registry import Registry, removable
from tests.doubles.kubernetes.resources import BACKGROUND, FOREGROUND, ORPHAN, Resource
from tests.doubles.kubernetes.store import Reference, Store

FindKind = Callable[[str, str], Resource | None]


def deleting_with(item: JsonObject, finalizer: str) -> bool:
    """Tell whether an object is being deleted and waits for the given finalizer."""
    metadata = item["metadata"]
    return bool(metadata.get("deletionTimestamp")) and finalizer in metadata.get("finalizers", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Works through what the store says was touched."""

    registry: Registry
    find_kind: FindKind
    namespaces: Callable[[], Resource]

    @property
    def store(self) -> Store:
        """Return the store that is collected."""
        return self.registry.store

    def collect(self) -> None:
        """Work until nothing more follows from what has changed."""
        while self.store.touched:
            seen = dict.fromkeys(self.store.touched)
            self.store.touched.clear()
            for reference in seen:
                self._visit(reference)

    def _visit(self, at: Reference) -> None:
        if at.namespace:
            self._finish_namespace(at.namespace)
        if at.resource.key == self.namespaces().key:
            self._finish_namespace(at.name)
            return
        item = self.store.get(at.resource, namespace=at.namespace, name=at.name)
        if item is None:
            self._wake_waiting_owners(at)
            return
        if deleting_with(item, ORPHAN_FINALIZER):
            self._release_dependents(item)
            self._drop_finalizer(at, ORPHAN_FINALIZER)
        elif deleting_with(item, FOREGROUND_FINALIZER):
            self._delete_in_foreground(at, item)
        elif not item["metadata"].get("deletionTimestamp"):
            self._follow_owners(at, item)

    def _wake_waiting_owners(self, gone: Reference) -> None:
        last = next((c for c in reversed(self.store.changes[gone.resource.key]) if same_place(c.item, gone)), None)
        for owner in last.item["metadata"].get("ownerReferences", ()) if last else ():
            found = self._owner(owner, namespace=gone.namespace)
            if found and deleting_with(found[1], FOREGROUND_FINALIZER):
                self._delete_in_foreground(found[0], found[1])

    def _owner(self, owner: JsonObject, *, namespace: str) -> tuple[Reference, JsonObject] | None:
        resource = self.find_kind(owner["apiVersion"], owner["kind"])
        if resource is None:
            return None
        home = namespace if resource.namespaced else ""
        item = self.store.get(resource, namespace=home, name=owner["name"])
        if item is None or item["metadata"]["uid"] != owner["uid"]:
            return None
        return Reference(resource=resource, namespace=home, name=owner["name"]), item

    def _dependents(self, item: JsonObject) -> list[tuple[Reference, JsonObject]]:
        metadata = item["metadata"]
        found = []
        for resource, place in sorted(
            self.store.dependents.get(metadata["uid"], ()), key=lambda at: (at[0].key, at[1])
        ):
            dependent = self.store.get(resource, namespace=place[0], name=place[1])
            if dependent is not None and place[0] == metadata.get("namespace", place[0]):
                found.append((Reference(resource=resource, namespace=place[0], name=place[1]), dependent))
        return found

    def _delete_in_foreground(self, at: Reference, item: JsonObject) -> None:
        uid = item["metadata"]["uid"]
        blocking = [
            (where, dependent)
            for where, dependent in self._dependents(item)
            if any(
                each["uid"] == uid and each.get("blockOwnerDeletion")
                for each in dependent["metadata"]["ownerReferences"]
            )
        ]
        if not blocking:
            self._drop_finalizer(at, FOREGROUND_FINALIZER)
        for where, dependent in self._dependents(item):
            if not dependent["metadata"].get("deletionTimestamp"):
                self._follow_owners(where, dependent)

    def _follow_owners(self, at: Reference, item: JsonObject) -> None:
        references = item["metadata"].get("ownerReferences", [])
        if not references:
            return
        solid: list[JsonObject] = []
        others: list[JsonObject] = []
        waiting = False
        for reference in references:
            if self.find_kind(reference["apiVersion"], reference["kind"]) is None:
                return
            owner = self._owner(reference, namespace=at.namespace)
            deleting = owner is not None and deleting_with(owner[1], FOREGROUND_FINALIZER)
            waiting = waiting or deleting
            (solid if owner is not None and not deleting else others).append(reference)
        if solid and others:
            self._put(at, item, ownerReferences=solid)
            # An owner that waited for this object need not wait any more.
            released = [self._owner(reference, namespace=at.namespace) for reference in others]
            self.store.touched.extend(owner[0] for owner in released if owner)
        if solid:
            return
        finalizers = item["metadata"].get("finalizers", ())
        if waiting and self._dependents(item):
            if any(deleting_with(dependent, FOREGROUND_FINALIZER) for _, dependent in self._dependents(item)):
                self._unblock_owners(at, item)
            policy = FOREGROUND
        elif ORPHAN_FINALIZER in finalizers:
            policy = ORPHAN
        else:
            policy = FOREGROUND if FOREGROUND_FINALIZER in finalizers else BACKGROUND
        self._delete(at, item, policy)

    def _unblock_owners(self, at: Reference, item: JsonObject) -> None:
        """Let its owners go first: one of them may be among its own dependents, and each would wait for the other."""
        references = [{**each, "blockOwnerDeletion": False} for each in item["metadata"]["ownerReferences"]]
        self._put(at, item, ownerReferences=references)
        for reference in references:
            if owner := self._owner(reference, namespace=at.namespace):
                self.store.touched.append(owner[0])

    def _delete(self, at: Reference, item: JsonObject, policy: str) -> None:
        delete(
            self.registry,
            at.resource,
            namespace=at.namespace,
            name=at.name,
            options=Options(propagation=policy, uid=item["metadata"]["uid"]),
        )

    def _release_dependents(self, item: JsonObject) -> None:
        uid = item["metadata"]["uid"]
        for at, dependent in self._dependents(item):
            kept = [each for each in dependent["metadata"]["ownerReferences"] if each["uid"] != uid]
            self._put(at, dependent, ownerReferences=kept)

    def _drop_finalizer(self, at: Reference, finalizer: str) -> None:
        item = self.store.get(at.resource, namespace=at.namespace, name=at.name)
        if item is not None:
            self._put(at, item, finalizers=[each for each in item["metadata"]["finalizers"] if each != finalizer])

    def _put(self, at: Reference, item: JsonObject, **metadata: list[JsonObject] | list[str]) -> None:
        merged = {key: value for key, value in {**item["metadata"], **metadata}.items() if value != []}
        changed = {**item, "metadata": merged}
        if removable(changed):
            self.store.remove(at.resource, namespace=at.namespace, name=at.name)
        else:
            self.store.put(at.resource, changed)

    def _finish_namespace(self, name: str) -> None:
        resource = self.namespaces()
        home = self.store.get(resource, namespace="", name=name)
        if home is None or not home["metadata"].get("deletionTimestamp"):
            return
        remaining = [
            (item["apiVersion"], item["kind"], place[1])
            for objects in list(self.store.objects.values())
            for place, item in list(objects.items())
            if place[0] == name
        ]
        for api_version, kind, each in remaining:
            found = self.find_kind(api_version, kind)
            item = self.store.get(found, namespace=name, name=each) if found else None
            if found and item and not item["metadata"].get("deletionTimestamp"):
                self._delete(Reference(resource=found, namespace=name, name=each), item, BACKGROUND)
        if not remaining and not home["metadata"].get("finalizers"):
            self.store.remove(resource, namespace="", name=name)


def same_place(item: JsonObject, at: Reference) -> bool:
    """Tell whether an object is the one a reference names."""
    metadata = item["metadata"]
    return bool(metadata["name"] == at.name and metadata.get("namespace", "") == at.namespace)

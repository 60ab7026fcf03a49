"""The store, in etcd's place: objects, one rising version, the log that watches read, snapshots for paging.

Guarantees: stored objects are never mutated, only replaced, so references to them are snapshots; every change has its
own version; history older than `floor` is refused, not guessed.
Not guaranteed: history survives more than `HISTORY` changes of one resource.
"""

import threading
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass

from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.resources import Resource

HISTORY = 20_000
SNAPSHOTS = 64
Place = tuple[str, str]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one object."""

    version: int
    type: str
    item: JsonObject
    previous: JsonObject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where an object is."""

    resource: Resource
    namespace: str
    name: str


class Store:
    """All objects of all resources, by (group, plural) and then by (namespace, name)."""

    def __init__(self) -> None:
        self.version = 1
        self.floor = 0
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.closed = False
        self.objects: defaultdict[Key, dict[Place, JsonObject]] = defaultdict(dict)
        self.changes: defaultdict[Key, list[Change]] = defaultdict(list)
        self.dependents: defaultdict[str, set[tuple[Resource, Place]]] = defaultdict(set)
        self.touched: list[Reference] = []
        self._snapshots: dict[tuple[Key, int], list[JsonObject]] = {}

    def get(self, resource: Resource, *, namespace: str, name: str) -> JsonObject | None:
        """Return the stored object, which callers must not change."""
        return self.objects[resource.key].get((namespace, name))

    def put(self, resource: Resource, item: JsonObject) -> JsonObject:
        """Store a new state of an object under a new version."""
        place = (item["metadata"].get("namespace", ""), item["metadata"]["name"])
        previous = self.objects[resource.key].get(place)
        self.version += 1
        stored = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
        self.objects[resource.key][place] = stored
        self._index(resource, place, previous=previous, item=stored)
        self._log(resource, "MODIFIED" if previous else "ADDED", stored, previous)
        return stored

    def remove(self, resource: Resource, *, namespace: str, name: str) -> JsonObject:
        """Remove an object; the last state bears the version of its removal."""
        place = (namespace, name)
        previous = self.objects[resource.key].pop(place)
        self.version += 1
        last = {**previous, "metadata": {**previous["metadata"], "resourceVersion": str(self.version)}}
        self._index(resource, place, previous=previous, item=None)
        self._log(resource, "DELETED", last, previous)
        return last

    def _index(self, resource: Resource, place: Place, *, previous: JsonObject | None, item: JsonObject | None) -> None:
        for reference in (previous or {}).get("metadata", {}).get("ownerReferences", ()):
            self.dependents[reference["uid"]].discard((resource, place))
        for reference in (item or {}).get("metadata", {}).get("ownerReferences", ()):
            self.dependents[reference["uid"]].add((resource, place))

    def _log(self, resource: Resource, kind: str, item: JsonObject, previous: JsonObject | None) -> None:
        log = self.changes[resource.key]
        log.append(Change(version=self.version, type=kind, item=item, previous=previous))
        if len(log) > HISTORY:
            self.floor = log[HISTORY // 2].version
            del log[: HISTORY // 2]
        metadata = item["metadata"]
        self.touched.append(
            Reference(resource=resource, namespace=metadata.get("namespace", ""), name=metadata["name"])
        )
        if kind == "DELETED" and previous is not None:
            self.touched.extend(
                Reference(resource=dependent, namespace=place[0], name=place[1])
                for dependent, place in self.dependents.get(metadata["uid"], ())
            )
        self.changed.notify_all()

    def items(self, resource: Resource, *, namespace: str = "") -> list[JsonObject]:
        """Return a resource's objects, in one namespace or in all, in the order of etcd's keys."""
        objects = self.objects[resource.key]
        return [objects[place] for place in sorted(objects) if not namespace or place[0] == namespace]

    def since(self, resource: Resource, version: int) -> list[Change]:
        """Return a resource's changes after a version."""
        log = self.changes[resource.key]
        return log[bisect_right(log, version, key=lambda change: change.version) :]

    def snapshot(self, resource: Resource) -> int:
        """Keep the present state of a resource for later pages and return its version."""
        self._snapshots[resource.key, self.version] = self.items(resource)
        while len(self._snapshots) > SNAPSHOTS:
            del self._snapshots[next(iter(self._snapshots))]
        return self.version

    def at(self, resource: Resource, version: int) -> list[JsonObject] | None:
        """Return a kept snapshot."""
        return self._snapshots.get((resource.key, version))

    def compact(self) -> None:
        """Forget all history, as etcd's compaction does."""
        self._snapshots.clear()
        self.changes.clear()
        self.floor = self.version

    def close(self) -> None:
        """End every waiting watch."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

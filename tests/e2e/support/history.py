"""Every change of a kind of object, in the order in which etcd took them.

Guarantees: revisions are etcd's own, so changes of different kinds compare; none is left out between `since` and the
end, or the test fails. Not guaranteed: anything about changes before it began to watch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import urllib3

from tests.doubles.platform.client import Client

_ROUND_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An object as it was after one change; after its deletion, as it was last."""

    revision: int
    deleted: bool
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.body["metadata"]["name"])


@dataclass(slots=True, kw_only=True)
class History:
    """The changes of one collection."""

    path: str
    since: int
    changes: list[Change] = field(default_factory=list)
    lost: str = ""

    def all(self) -> list[Change]:
        """All changes, in order."""
        assert not self.lost, f"the watch of {self.path} has lost changes: {self.lost}"
        return self.changes

    def of(self, name: str) -> list[Change]:
        """The changes of one object, in order."""
        return [change for change in self.all() if change.name == name]

    def follow(self, client: Client, *, stop: threading.Event) -> None:
        """Record changes until `stop` is set, and all that happened before that moment."""
        last = False
        while not last and not self.lost:
            last = stop.is_set()
            query = {"resourceVersion": str(self.since), "timeoutSeconds": "1" if last else str(_ROUND_S)}
            try:
                for event in client.watch(self.path, query=query | {"allowWatchBookmarks": "true"}):
                    self._note(event)
            except urllib3.exceptions.HTTPError:
                time.sleep(0.2)  # the API server is being restarted; the watch goes on where it was

    def _note(self, event: dict[str, Any]) -> None:
        if event["type"] == "ERROR":
            self.lost = str(event["object"].get("message"))
            return
        self.since = int(event["object"]["metadata"]["resourceVersion"])
        if event["type"] != "BOOKMARK":
            deleted = event["type"] == "DELETED"
            self.changes.append(Change(revision=self.since, deleted=deleted, body=event["object"]))


@contextmanager
def watching(client: Client, *paths: str) -> Iterator[list[History]]:
    """Watch collections until the context is left; only then are the histories complete."""
    found = [History(path=path, since=int(client.ask("GET", path)["metadata"]["resourceVersion"])) for path in paths]
    stop = threading.Event()
    threads = [threading.Thread(target=each.follow, args=(client,), kwargs={"stop": stop}) for each in found]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stop.set()
        for thread in threads:
            thread.join()

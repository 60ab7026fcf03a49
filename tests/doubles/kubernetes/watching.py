"""Watches: the changes of a selection after a version, as they happen.

Guarantees: no change is missed or repeated; an object that leaves or enters the selection is reported as DELETED or
ADDED; a version older than the history ends the watch with an ERROR event of code 410.
Not guaranteed: bookmarks.
"""

import json
import time
from collections.abc import Iterator

from tests.doubles.kubernetes.errors import expired
from tests.doubles.kubernetes.listing import Selection
from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.store import Change, Store

EXPIRED = "ERROR"


class Watch:
    """One client's position in the log of one resource."""

    def __init__(self, *, store: Store, selection: Selection, version: str) -> None:
        self._store = store
        self._selection = selection
        self._initial: list[JsonObject] = []
        with store.lock:
            if version in {"", "0"}:
                self._initial = [item for item in store.items(selection.resource) if selection.matches(item)]
                self._position = store.version
            else:
                self._position = int(version)
        self.ended = False

    def poll(self) -> list[JsonObject]:
        """Return the events that have happened since the last call."""
        with self._store.lock:
            if self.ended:
                return []
            if self._position < self._store.floor:
                self.ended = True
                said = f"too old resource version: {self._position} ({self._store.floor})"
                return [{"type": EXPIRED, "object": expired(said).status()}]
            events = [{"type": "ADDED", "object": self._selection.shape(item)} for item in self._initial]
            self._initial = []
            changes = self._store.since(self._selection.resource, self._position)
            events += [event for event in map(self._event, changes) if event]
            self._position = max(self._position, self._store.version)
            return events

    def _event(self, change: Change) -> JsonObject | None:
        before = change.previous is not None and self._selection.matches(change.previous)
        after = change.type != "DELETED" and self._selection.matches(change.item)
        kind = {(False, True): "ADDED", (True, True): "MODIFIED", (True, False): "DELETED"}.get((before, after))
        return {"type": kind, "object": self._selection.shape(change.item)} if kind else None

    def lines(self, *, seconds: float) -> Iterator[bytes]:
        """Yield events as JSON lines until the time is over; an empty chunk is never sent."""
        deadline = time.monotonic() + seconds
        while True:
            with self._store.changed:
                events = self.poll()
                left = deadline - time.monotonic()
                if not events and not self.ended and not self._store.closed and left > 0:
                    self._store.changed.wait(left)
                    continue
            for event in events:
                yield json.dumps(event, separators=(",", ":")).encode() + b"\n"
            if self.ended or self._store.closed or left <= 0:
                return

"""The times at which a task's runs begin to terminate and are gone with their pods, by two watches.

A `deletionTimestamp` has whole seconds, so the moments are those at which this process got the watch's events, on its
own monotonic clock. They include the request's way, admission, the write to etcd and the watch's way back (a few
milliseconds, the same for everything that is compared), and whatever else this process, GitHub's double, just does.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.doubles.platform.platform import runs_path
from tests.tools.bench.measured import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.doubles.platform.client import Client
    from tests.tools.bench.world import Task

LIMIT_S = 90.0


@dataclass(slots=True, kw_only=True)
class Seen:
    """Moments on the monotonic clock: by run the first event with a deletionTimestamp, and each object's end."""

    terminating: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)

    def wait(self) -> None:
        """Wait until every run and every pod is gone."""
        deadline = time.monotonic() + LIMIT_S
        for thread in self._threads:
            thread.join(deadline - time.monotonic())
        if any(thread.is_alive() for thread in self._threads):
            raise BenchError(f"agents were not gone after {LIMIT_S:g} s; terminating: {sorted(self.terminating)}")

    @property
    def first_terminating(self) -> float:
        """When the first run began to terminate."""
        return min(self.terminating.values())

    @property
    def last_gone(self) -> float:
        """When the last run or pod was gone."""
        return max(self.gone.values())


@contextmanager
def watching(task: Task, *, client: Client) -> Iterator[Seen]:
    """Watch the runs and the pods that a task has now, until all of them are gone."""
    seen, namespace = Seen(), task.world.settings.namespaces.agents[0]
    for path in (runs_path(namespace), f"/api/v1/namespaces/{namespace}/pods"):
        listed = client.ask("GET", path, query=task.selector)
        query = {**task.selector, "resourceVersion": listed["metadata"]["resourceVersion"]}
        thread = threading.Thread(
            target=_follow,
            args=(seen,),
            kwargs={
                "client": client,
                "path": path,
                "query": query,
                "names": {each["metadata"]["name"] for each in listed["items"]},
            },
            daemon=True,
        )
        thread.start()
        seen._threads.append(thread)
    yield seen


def _follow(seen: Seen, *, client: Client, path: str, query: dict[str, str], names: set[str]) -> None:
    left = set(names)
    events = client.watch(path, query=query)
    while left:
        event = next(events)
        at, metadata = time.monotonic(), event["object"]["metadata"]
        if "coderuns" in path and "deletionTimestamp" in metadata:
            seen.terminating.setdefault(metadata["name"], at)
        if event["type"] == "DELETED":
            seen.gone[f"{path}/{metadata['name']}"] = at
            left.discard(metadata["name"])
    events.close()

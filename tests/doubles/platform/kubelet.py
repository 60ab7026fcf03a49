"""The nodes: pods are bound and started, get their SIGTERM, and end in the way a test asks for.

Guarantees: a pod disappears only by a deletion with grace zero, as with a real kubelet; a pod that ends has a terminal
phase first, and is there with it for at least one more `step`; one `step` processes every pod of the namespace once.
Not guaranteed: images, probes, restarts, or anything that runs inside a container.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from tests.doubles.platform.client import MERGE_PATCH, Client, JsonObject

NODE = "node-1"
FINISHED = frozenset({"Succeeded", "Failed"})
SIGTERM_EXIT = 143


class Ending(Enum):
    """What an agent does when its pod is deleted."""

    AT_ONCE = "it exits as soon as it gets SIGTERM"
    AFTER = "it exits `exit_after_s` seconds after SIGTERM, or is killed when its grace is over"
    IGNORES = "it ignores SIGTERM and is killed when its grace is over"
    DEAD_NODE = "no kubelet sends the SIGTERM; the pod stays until a client deletes it with grace zero"


@dataclass(slots=True, kw_only=True)
class Kubelet:
    """The kubelet of every node, and the scheduler."""

    client: Client
    namespace: str
    ending: Ending = Ending.AT_ONCE
    exit_after_s: float = 1.0
    removed_after_s: float = 0.0
    choose: Callable[[JsonObject], Ending | None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    terminating_since: dict[str, float] = field(default_factory=dict)
    ended_since: dict[str, float] = field(default_factory=dict)

    def step(self) -> None:
        """Process every pod once."""
        for pod in self.client.ask("GET", self._path())["items"]:
            if pod["metadata"].get("deletionTimestamp"):
                self._terminate(pod)
            elif not pod["spec"].get("nodeName"):
                self._bind(pod)
            elif pod.get("status", {}).get("phase") == "Pending":
                self._start(pod)

    def finish(self, name: str, *, exit_code: int = 0) -> None:
        """Let a pod's containers end by themselves."""
        pod = self.client.ask("GET", self._path(name))
        phase = "Failed" if exit_code else "Succeeded"
        self._set_status(pod, phase=phase, state={"terminated": {"exitCode": exit_code, "reason": "Completed"}})

    def _path(self, name: str = "", subresource: str = "") -> str:
        tail = "".join(f"/{each}" for each in (name, subresource) if each)
        return f"/api/v1/namespaces/{self.namespace}/pods{tail}"

    def _bind(self, pod: JsonObject) -> None:
        name = pod["metadata"]["name"]
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        self.client.request("POST", self._path(name, "binding"), binding)

    def _start(self, pod: JsonObject) -> None:
        self._set_status(pod, phase="Running", state={"running": {"startedAt": now()}})

    def _set_status(self, pod: JsonObject, *, phase: str, state: JsonObject) -> None:
        running = "running" in state
        statuses = [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": "",
                "ready": running,
                "started": running,
                "restartCount": 0,
                "state": state,
            }
            for each in pod["spec"]["containers"]
        ]
        ready = {"type": "Ready", "status": "True" if running else "False"}
        status = {"phase": phase, "containerStatuses": statuses, "conditions": [ready], "startTime": now()}
        path = self._path(pod["metadata"]["name"], "status")
        self.client.request("PATCH", path, {"status": status}, content_type=MERGE_PATCH)

    def _terminate(self, pod: JsonObject) -> None:
        metadata = pod["metadata"]
        since = self.terminating_since.setdefault(metadata["uid"], self.clock())
        grace = float(metadata.get("deletionGracePeriodSeconds") or 0)
        waits = {Ending.AT_ONCE: 0.0, Ending.AFTER: min(self.exit_after_s, grace), Ending.IGNORES: grace}
        wait = waits.get(self.choose(pod) or self.ending)
        if wait is None or self.clock() - since < wait:
            return
        if pod.get("status", {}).get("phase") not in FINISHED:
            self._set_status(pod, phase="Failed", state={"terminated": {"exitCode": SIGTERM_EXIT, "reason": "Error"}})
            self.ended_since[metadata["uid"]] = self.clock()
            return
        if self.clock() - self.ended_since.get(metadata["uid"], since) < self.removed_after_s:
            return
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        self.client.request("DELETE", self._path(metadata["name"]), options)


def now() -> str:
    """Return the present second as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

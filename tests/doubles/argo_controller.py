"""Argo's controller, as far as a Workflow's phase and the queue of its mutex go: waiting, begun, ended.

Guarantees: the phase is in the status and in Argo's own label, as Argo 4.1 keeps it; a waiting Workflow with
`shutdown: Terminate` fails with Argo's message and never begins; the custom resource has no status subresource, like
Argo's. A new Workflow is processed at once, a changed one ten seconds later (`DEFAULT_REQUEUE_TIME`). Whether a
Workflow waits for its mutex is written into its status only if another one holds the mutex then; if it ends without
that, its place in the queue stays until it is deleted, and whoever is behind it never begins (seen in the real
cluster, Argo 4.1.4: `MutexStatus.LockWaiting`, `Manager.ReleaseAll`). A waiting Workflow with `shutdown: Stop` goes on
waiting. A deleted Workflow leaves the queue, at once instead of within a minute. Not modelled: semaphores and pods
(tests.doubles.argo_workflows runs those); who begins when is up to the test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.kubernetes import ApiServer

PHASE = "workflows.argoproj.io/phase"
COMPLETED = "workflows.argoproj.io/completed"
PENDING, RUNNING, SUCCEEDED, FAILED = "Pending", "Running", "Succeeded", "Failed"
# What Argo ships as its minimal definition; the full one is checked in the control plane's tests.
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "workflows.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "names": {"kind": "Workflow", "listKind": "WorkflowList", "plural": "workflows", "singular": "workflow"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["metadata", "spec"],
                        "properties": {
                            "apiVersion": {"type": "string"},
                            "kind": {"type": "string"},
                            "metadata": {"type": "object"},
                            "spec": _ANYTHING,
                            "status": _ANYTHING,
                        },
                    }
                },
            }
        ],
    },
}


_REQUEUE_S = 10.0
_ENDED = (SUCCEEDED, FAILED)


@dataclass(slots=True, kw_only=True)
class ArgoController:
    """Keeps the phases of the Workflows in one namespace, and the queues of their mutexes.

    Attributes:
        clock: Seconds that go by.
        stopped: Whether the controller does not run.
    """

    api: ApiServer
    namespace: str
    clock: Callable[[], float]
    stopped: bool = False
    _holders: dict[str, str] = field(default_factory=dict)
    _queues: dict[str, dict[str, tuple[int, str]]] = field(default_factory=lambda: defaultdict(dict))
    _processed: dict[str, str] = field(default_factory=dict)
    _changed: dict[str, float] = field(default_factory=dict)

    def step(self) -> None:
        """One pass: what is new waits, and what waits and is to terminate fails."""
        if self.stopped:
            return
        workflows = self.api.list("workflows", namespace=self.namespace)
        self._forget_all_but({workflow["metadata"]["name"] for workflow in workflows})
        for workflow in workflows:
            if _phase(workflow) in ("", PENDING) and self._is_due(workflow):
                self._process(workflow)

    def mark(self, name: str, phase: str, *, message: str = "") -> None:
        """A Workflow has come to a phase."""
        workflow = self.api.get("workflows", name, namespace=self.namespace)
        mutex = _mutex(workflow)
        synchronization = workflow.get("status", {}).get("synchronization")
        if phase == RUNNING:
            self._holders[mutex] = name
            self._queues[mutex].pop(name, None)
            synchronization = {"mutex": {"holding": [{"mutex": mutex, "holder": name}], "waiting": None}}
        elif phase in _ENDED:
            if self._holders.get(mutex) == name:
                del self._holders[mutex]
            if synchronization:
                self._queues[mutex].pop(name, None)
            synchronization = None
        self._write(name, phase, message=message, synchronization=synchronization)

    def abandoned(self) -> list[str]:
        """Workflows that have ended and whose places in the queue of their mutex are left."""
        found = self.api.list("workflows", namespace=self.namespace)
        return [
            each["metadata"]["name"]
            for each in found
            if _phase(each) in _ENDED and each["metadata"]["name"] in self._queues[_mutex(each)]
        ]

    def may_begin(self, name: str) -> bool:
        """Whether a waiting Workflow begins once its mutex is free."""
        workflow = self.api.get("workflows", name, namespace=self.namespace)
        if _phase(workflow) not in ("", PENDING) or workflow["spec"].get("shutdown"):
            return False
        queue, own = self._queues[_mutex(workflow)], _place(workflow)
        before = (each for each, place in queue.items() if place < own)
        return not any(_phase(self.api.get("workflows", each, namespace=self.namespace)) in _ENDED for each in before)

    def _forget_all_but(self, names: set[str]) -> None:
        for queue in self._queues.values():
            for deleted in queue.keys() - names:
                del queue[deleted]

    def _is_due(self, workflow: dict[str, Any]) -> bool:
        name, version = workflow["metadata"]["name"], workflow["metadata"]["resourceVersion"]
        if self._processed.get(name) == version:
            return False
        since = self._changed.setdefault(name, self.clock()) if name in self._processed else None
        return since is None or self.clock() - since >= _REQUEUE_S

    def _process(self, workflow: dict[str, Any]) -> None:
        name, mutex = workflow["metadata"]["name"], _mutex(workflow)
        self._changed.pop(name, None)
        self._queues[mutex].setdefault(name, _place(workflow))
        synchronization = workflow.get("status", {}).get("synchronization")
        if holder := self._holders.get(mutex):
            synchronization = {"mutex": {"waiting": [{"mutex": mutex, "holder": holder}]}}
        if _phase(workflow) == PENDING and workflow["spec"].get("shutdown") == "Terminate":
            if synchronization:
                del self._queues[mutex][name]
            self._write(name, FAILED, message="Stopped with strategy 'Terminate'", synchronization=None)
        else:
            message = f"Waiting for {mutex} lock. Lock status: {0 if holder else 1}/1"
            self._write(name, PENDING, message=message, synchronization=synchronization)

    def _write(self, name: str, phase: str, *, message: str, synchronization: dict[str, Any] | None) -> None:
        labels = {PHASE: phase} | ({COMPLETED: "true"} if phase in _ENDED else {})
        status = {"phase": phase, "message": message, "synchronization": synchronization}
        change = {"metadata": {"labels": labels}, "status": status}
        written = self.api.patch("workflows", name, change, namespace=self.namespace)
        self._processed[name] = written["metadata"]["resourceVersion"]


def _phase(workflow: dict[str, Any]) -> str:
    return str((workflow.get("status") or {}).get("phase") or "")


def _place(workflow: dict[str, Any]) -> tuple[int, str]:
    """A Workflow's place in a queue: the highest priority first, and the oldest of those."""
    return -int(workflow["spec"].get("priority") or 0), workflow["metadata"]["creationTimestamp"]


def _mutex(workflow: dict[str, Any]) -> str:
    """The name of a Workflow's mutex: the template's, filled in; its own name if it has none."""
    try:
        values = {each["name"]: each.get("value") for each in workflow["spec"]["arguments"]["parameters"]}
    except (KeyError, TypeError, AttributeError):
        values = {}
    if not {"repository", "task-id"} <= values.keys():
        return str(workflow["metadata"]["name"])
    where = f"{workflow['metadata']['namespace']}/Mutex"
    return f"{where}/cancel-agents/{values['repository']}/task-{values['task-id']}"

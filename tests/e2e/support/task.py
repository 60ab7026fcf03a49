"""One task as it is in the cluster: its Workflows, agents, labels, Lease, record and state.

Guarantees: only reads; every wait has a deadline and says what it waited for.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipelines import names
from steps.core.keys import RECORD
from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.lease.lease_object import lease_name
from tests.doubles import github as github_double
from tests.doubles.github import webhooks
from tests.doubles.platform.client import Client, RefusedError
from tests.doubles.platform.platform import runs_path
from tests.e2e.provision.cluster import Cluster

REPOSITORY = "5dlabs/cto"
FINISHED = frozenset({"Succeeded", "Failed", "Error"})
_TASKS = itertools.count(int(time.time()) % 900_000 + 1)
_DEADLINE_S = 90.0


@dataclass(slots=True, kw_only=True)
class Task:
    """One task."""

    cluster: Cluster
    client: Client
    github: github_double.GitHub
    task: int = field(default_factory=lambda: next(_TASKS))
    pull_request: int = 0

    @property
    def branch(self) -> str:
        """The task's branch."""
        return f"task-{self.task}-work"

    @property
    def agents(self) -> str:
        """The agents' namespace."""
        return self.cluster.settings.namespaces.agents[0]

    @property
    def home(self) -> str:
        """The workflows' namespace."""
        return self.cluster.settings.namespaces.workflows

    def phase_of_run(self, name: str) -> str:
        """A run's phase, or nothing."""
        reply = self.client.request("GET", runs_path(self.agents, name))
        return str(reply.body.get("status", {}).get("phase", "")) if reply.status == 200 else ""

    def workflow(self, delivery: webhooks.Delivery) -> dict[str, Any] | None:
        """The first Workflow of a delivery."""
        found = self._workflows(f"{names.DELIVERY_LABEL}={delivery.id}")
        return min(found, key=lambda each: each["metadata"]["creationTimestamp"], default=None)

    def named(self, name: str) -> dict[str, Any] | None:
        """A Workflow, if it is there."""
        reply = self.client.request("GET", f"/apis/argoproj.io/v1alpha1/namespaces/{self.home}/workflows/{name}")
        return reply.body if reply.status == 200 else None

    def phase(self, delivery: webhooks.Delivery) -> str:
        """The phase of a delivery's first Workflow, or nothing if there is none."""
        workflow = self.workflow(delivery)
        return "" if workflow is None else str(workflow.get("status", {}).get("phase") or "Pending")

    def phase_of(self, name: str) -> str:
        """A Workflow's phase, or nothing if it is not there."""
        workflow = self.named(name)
        return "" if workflow is None else str(workflow.get("status", {}).get("phase") or "Pending")

    def finished(self, delivery: webhooks.Delivery, *, deadline_s: float = _DEADLINE_S) -> dict[str, Any]:
        """The Workflow of a delivery, once it has ended."""
        what = f"the workflow of {delivery.id} ends"
        self.until(lambda: self.phase(delivery) in FINISHED, what=what, deadline_s=deadline_s)
        workflow = self.workflow(delivery)
        assert workflow is not None
        return workflow

    def reaches(self, name: str, *phases: str, deadline_s: float = 240.0) -> None:
        """Wait until a Workflow is in one of these phases; the empty one is that of a Workflow that is not there."""
        what = f"{name} is {' or '.join(phase or 'gone' for phase in phases)}"
        self.until(lambda: self.phase_of(name) in phases, what=what, deadline_s=deadline_s)

    def workflows(self) -> list[dict[str, Any]]:
        """The task's Workflows."""
        return self._workflows(f"{names.TASK_LABEL}={self.task}")

    def all_ended(self, *, deadline_s: float = _DEADLINE_S) -> None:
        """Wait until the task has Workflows and all of them have ended.

        A webhook is answered before the Sensor has created its Workflow.
        """
        left: dict[str, Any] = {}

        def ended() -> bool:
            found = self.workflows()
            left.clear()
            statuses = {each["metadata"]["name"]: each.get("status") or {} for each in found}
            left.update((name, status) for name, status in statuses.items() if status.get("phase") not in FINISHED)
            return bool(found) and not left

        try:
            self.until(ended, what=f"the Workflows of task {self.task} end", deadline_s=deadline_s)
        except AssertionError as error:
            error.add_note(f"not ended: {json.dumps(left, indent=1)}")
            raise

    def _workflows(self, selector: str) -> list[dict[str, Any]]:
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{self.home}/workflows"
        found: list[dict[str, Any]] = self.client.ask("GET", path, query={"labelSelector": selector})["items"]
        return found

    def runs(self) -> set[str]:
        """Names of the task's runs."""
        return {each["metadata"]["name"] for each in self._listed(runs_path(self.agents))}

    def deleting(self) -> bool:
        """Whether one of the task's runs is gone or being deleted."""
        return any("deletionTimestamp" in each["metadata"] for each in self._listed(runs_path(self.agents)))

    def pods(self) -> set[str]:
        """Names of the Jobs of the task's pods that have not gone."""
        found = self._listed(f"/api/v1/namespaces/{self.agents}/pods")
        return {each["metadata"]["labels"]["batch.kubernetes.io/job-name"] for each in found}

    def labels(self) -> set[str]:
        """The pull request's labels, but for the task's own."""
        return set(self.github.labels(self.pull_request, repository=REPOSITORY)) - {f"task-{self.task}"}

    def lease(self) -> dict[str, Any]:
        """The task's Lease."""
        name = lease_name(repository=Repository(REPOSITORY), task=TaskId(str(self.task)))
        return self.client.ask("GET", f"/apis/coordination.k8s.io/v1/namespaces/{self.home}/leases/{name}")

    def annotations(self) -> dict[str, str]:
        """The annotations of the task's Lease; none if there is no Lease."""
        try:
            return self.lease()["metadata"].get("annotations") or {}
        except RefusedError:
            return {}

    def record(self) -> dict[str, Any]:
        """The task's record."""
        found: dict[str, Any] = json.loads(self.lease()["metadata"]["annotations"][RECORD])
        return found

    def state(self) -> dict[str, Any]:
        """The task's state document."""
        path = f"/api/v1/namespaces/{self.agents}/configmaps/task-{self.task}-state"
        found: dict[str, Any] = json.loads(self.client.ask("GET", path)["data"]["state.json"])
        return found

    def until(self, condition: Callable[[], bool], *, what: str, deadline_s: float = _DEADLINE_S) -> float:
        """Wait for something to come true; the moment it did."""
        deadline = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < deadline, f"in vain for {deadline_s} s: {what}"
            time.sleep(0.05)
        return time.time()

    def _listed(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.ask("GET", path, query={"labelSelector": f"task-id={self.task}"})[
            "items"
        ]
        return found

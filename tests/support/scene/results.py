"""The results of a scene: Lease, record, runs, Events, and what the steps logged."""

from __future__ import annotations

import json
from typing import Any

from steps.domain.push import Repository
from steps.domain.record import Record, parse_record
from steps.domain.task_id import TaskId
from steps.kube.events import EventReason
from steps.kube.transport import Json
from steps.lease.lease_object import lease_name
from tests.support.scene.world import REPOSITORY, World


class Results(World):
    """Reads the world. Changes nothing."""

    __slots__ = ()

    def lease(self, *, task: int = 7, repository: str = REPOSITORY) -> Json:
        """The task's Lease."""
        name = lease_name(repository=Repository(repository), task=TaskId(str(task)))
        return self.api.get("leases", name, namespace=self.settings.namespaces.workflows)

    def record(self, *, task: int = 7, repository: str = REPOSITORY) -> Record:
        """The task's record."""
        annotations = self.lease(task=task, repository=repository)["metadata"]["annotations"]
        return parse_record(annotations["agent-cancellation/record"])

    def runs(self) -> set[str]:
        """Names of the agent runs that are still there."""
        homes = self.settings.namespaces.agents
        return {run["metadata"]["name"] for home in homes for run in self.api.list("coderuns", namespace=home)}

    def events(self) -> list[dict[str, Any]]:
        """What the steps logged."""
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    def kubernetes_events(self, *reasons: EventReason) -> list[Json]:
        """The Events of these reasons, or all, in the namespaces of Workflows and agents."""
        spaces = self.settings.namespaces
        found = [
            each for home in (spaces.workflows, *spaces.agents) for each in self.api.list("events", namespace=home)
        ]
        return [each for each in found if not reasons or each["reason"] in reasons]

"""The pods of a Workflow's steps: killed without grace, or evicted as a drain would.

Guarantees: only pods of the Workflow that is named.
"""

from __future__ import annotations

from typing import Any

from pipelines import names
from tests.e2e.support.stage import Stage

_NAME = "workflows.argoproj.io/workflow"


def step_pods(stage: Stage, workflow: str) -> list[dict[str, Any]]:
    """The pods of a Workflow that are there."""
    query = {"labelSelector": f"{_NAME}={workflow}"}
    found: list[dict[str, Any]] = stage.client.ask("GET", _path(stage), query=query)["items"]
    return found


def kill(stage: Stage, workflow: str) -> None:
    """Delete a Workflow's pods without grace: what is left when a node is lost."""
    for pod in step_pods(stage, workflow):
        stage.client.ask("DELETE", _path(stage, pod["metadata"]["name"]), {"gracePeriodSeconds": 0})


def evict(stage: Stage, workflow: str) -> None:
    """Evict a Workflow's pods through the Eviction API, as `kubectl drain` and autoscalers do."""
    for pod in step_pods(stage, workflow):
        name = pod["metadata"]["name"]
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": stage.home}}
        stage.client.ask("POST", f"{_path(stage, name)}/eviction", eviction)


def executions(workflows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nodes of pods that ran the steps; those of Workflows that were ended before they had a pod do not count."""
    nodes = [node for each in workflows for node in (each["status"].get("nodes") or {}).values()]
    pods = [node for node in nodes if node["type"] == "Pod" and node["templateName"] == names.ENTRYPOINT]
    return [node for node in pods if "hostNodeName" in node]


def _path(stage: Stage, name: str = "") -> str:
    return f"/api/v1/namespaces/{stage.home}/pods" + (f"/{name}" if name else "")

"""Killed, stopped and terminated half-way: what Argo, a retry or the next push makes of it."""

from __future__ import annotations

import pytest

from pipelines import names
from tests.cluster.agents import PodController
from tests.cluster.argo_client import person
from tests.cluster.programs import programs
from tests.cluster.stage import Stage

pytestmark = pytest.mark.timeout(300, func_only=True)


def half_way(stage: Stage, platform: PodController) -> str:
    """Push to a task whose agent takes its time; the Workflow's name, once it waits for the agent to end."""
    platform.exit_after_s = 15.0
    stage.agent()
    platform.exit_after_s = 0.0
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    stage.until(stage.deleting, what="the agent is being deleted")
    workflow = stage.workflow(delivery)
    assert workflow is not None
    return str(workflow["metadata"]["name"])


def test_a_step_whose_pod_is_killed_is_repeated_by_argo(stage: Stage, platform: PodController) -> None:
    name = half_way(stage, platform)
    path = f"/api/v1/namespaces/{stage.home}/pods"
    query = {"labelSelector": f"workflows.argoproj.io/workflow={name}"}
    for pod in stage.client.ask("GET", path, query=query)["items"]:
        stage.client.request("DELETE", f"{path}/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})
    stage.until(lambda: stage.phase_of(name) == "Succeeded", what="it succeeds in spite of that", deadline_s=150)
    assert (stage.record()["phase"], stage.record()["attempts"]) == ("completed", 2)
    assert stage.runs() == set()
    assert stage.labels() == {"remediation-in-progress"}


def test_a_workflow_that_is_stopped_says_so_and_can_be_retried(stage: Stage, platform: PodController) -> None:
    argo = person(stage.cluster, command=programs().workflows / "argo")
    name = half_way(stage, platform)
    argo.run("stop", name)
    stage.until(lambda: stage.phase_of(name) == "Failed", what="it has stopped", deadline_s=150)
    assert stage.record()["phase"] == "failed"
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    assert stage.labels() == {"ready-for-qa"}
    found = stage.named(name)
    assert found is not None
    nodes = found["status"]["nodes"].values()
    # Nodes are a map: they come in no order.
    assert {node["templateName"] for node in nodes if node["type"] == "Pod"} == {names.ENTRYPOINT, names.FAIL}

    argo.retry(name, by="command")
    stage.until(lambda: stage.phase_of(name) == "Succeeded", what="the retry succeeds", deadline_s=120)
    assert stage.record()["phase"] == "completed"
    assert stage.labels() == {"remediation-in-progress"}


def test_what_a_terminated_workflow_left_is_finished_by_the_next_push(stage: Stage, platform: PodController) -> None:
    argo = person(stage.cluster, command=programs().workflows / "argo")
    name = half_way(stage, platform)
    argo.run("terminate", name)
    stage.until(lambda: stage.phase_of(name) == "Failed", what="it is terminated", deadline_s=120)
    later = stage.push(2)
    stage.deliver(later)
    assert stage.finished(later, deadline_s=150)["status"]["phase"] == "Succeeded"
    assert stage.runs() == set()
    assert stage.labels() == {"remediation-in-progress"}
    assert (stage.record()["phase"], stage.record()["push"]["sha"][-1]) == ("completed", "2")

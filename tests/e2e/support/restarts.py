"""Restarts of Argo's pods, and of the cluster's servers, which are killed as by a crash.

Guarantees: back means that it works again, not that it was started.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.provision import argo
from tests.e2e.provision.readiness import CONTROLLER, is_up, leads, until
from tests.e2e.support.stage import Stage


def kill_pods(stage: Stage, namespace: str, selector: str) -> None:
    """Delete a Deployment's pods without grace; another is made."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    for pod in stage.client.ask("GET", path, query={"labelSelector": selector})["items"]:
        stage.client.ask("DELETE", f"{path}/{pod['metadata']['name']}", {"gracePeriodSeconds": 0})


def restart_controller(stage: Stage) -> None:
    """Kill Argo's controller, and wait until another one leads."""
    kill_pods(stage, argo.NAMESPACE, f"app={CONTROLLER}")
    until(lambda: leads(stage.client, argo.NAMESPACE), box=stage.cluster.box, what="another controller leads")


def restart_api_server(stage: Stage) -> None:
    """Kill the API server, and wait until it is back."""
    box = stage.cluster.box
    box.kill("apiserver")
    box.start_again("apiserver")
    until(lambda: stage.client.request("GET", "/readyz").status == 200, box=box, what="the API server is back")


def restart_bus(stage: Stage) -> None:
    """Kill the event bus, and start it again."""
    stage.cluster.box.kill("nats")
    stage.cluster.box.start_again("nats")


@contextmanager
def nobody_listens(stage: Stage) -> Iterator[None]:
    """Take the Sensor's pods away until the context is left, and wait until one is back."""
    namespace = stage.cluster.settings.namespaces.events
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    selector = {"labelSelector": "sensor-name=implementation-agent-remediation"}
    name = stage.client.ask("GET", deployments, query=selector)["items"][0]["metadata"]["name"]

    def scale(replicas: int) -> None:
        patch = {"spec": {"replicas": replicas}}
        path = f"{deployments}/{name}/scale"
        stage.client.ask("PATCH", path, patch, content_type="application/merge-patch+json")

    scale(0)
    pods = f"/api/v1/namespaces/{namespace}/pods"
    stage.until(lambda: not stage.client.ask("GET", pods, query=selector)["items"], what="the Sensor's pod is gone")
    try:
        yield
    finally:
        scale(1)
        box = stage.cluster.box
        until(lambda: is_up(stage.client.ask("GET", f"{deployments}/{name}")), box=box, what="the Sensor is back")

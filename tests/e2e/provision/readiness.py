"""Waits until the started servers work, with a deadline, and shows the logs of those that have ended.

Guarantees: a Deployment counts only when the pods of its newest version are available and no older one is left; Argo's
controller only when a pod of that version leads. Not guaranteed: that it stays so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import urllib3

from tests.doubles.platform.client import Client
from tests.e2e.provision.box import Box

_DEADLINE_S = 120.0
CONTROLLER = "workflow-controller"


class ClusterError(Exception):
    """The cluster did not become ready; the message ends with logs."""


def until(condition: Callable[[], bool], *, box: Box | None, what: str) -> None:
    """Wait for something, unless a server has ended meanwhile, as far as there are any to be known.

    Raises:
        ClusterError: In vain.
    """
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline and not (box and box.ended()):
        with suppress(urllib3.exceptions.HTTPError):
            if condition():
                return
        time.sleep(0.1)
    if box is None:
        raise ClusterError(f"in vain until {what}")
    logs = "\n".join(f"--- {name} ended with {code}\n{box.tail(name)}" for name, code in box.ended().items())
    raise ClusterError(f"in vain until {what}; see {box.folder}\n{logs}")


def deployed(client: Client, namespace: str) -> int:
    """How many Deployments of a namespace are up to date and available."""
    return sum(map(is_up, client.ask("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]))


def leads(client: Client, namespace: str) -> bool:
    """Whether a pod of the newest version of Argo's controller, and no other, runs and leads."""
    if not is_up(client.ask("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/{CONTROLLER}")):
        return False
    query = {"labelSelector": f"app={CONTROLLER}"}
    pods = client.ask("GET", f"/api/v1/namespaces/{namespace}/pods", query=query)["items"]
    lease = client.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{CONTROLLER}")
    holder = lease.body["spec"].get("holderIdentity") if lease.status == 200 else None
    return [each["metadata"]["name"] for each in pods] == [holder]


def is_up(deployment: dict[str, Any]) -> bool:
    """Whether all pods of a Deployment are of its newest version and available."""
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return status.get("observedGeneration") == deployment["metadata"]["generation"] and counts == [wanted] * 3

"""agent-sandbox of kubernetes-sigs, as its own manifests install it: Sandboxes, and claims for them.

Guarantees: the controller runs as a pod under the service account and Roles that the project ships; changed are the
image and its pull policy. Not there: its router, and the node's stronger isolation (gVisor, Kata).
"""

from __future__ import annotations

from typing import Any

import yaml

from tests.doubles.platform.client import Client
from tests.e2e.provision import node
from tests.e2e.provision.cluster import Cluster
from tests.e2e.provision.images import sandbox_image
from tests.e2e.provision.programs import SANDBOX, module_folder, sandbox
from tests.e2e.provision.readiness import until
from tests.e2e.provision.starting import apply

Json = dict[str, Any]
NAMESPACE = "agent-sandbox-system"
_CONTROLLER = "agent-sandbox-controller"


def install(cluster: Cluster) -> None:
    """Start the controller with its extensions, and wait until it works.

    Raises:
        ClusterError: It did not become ready.
    """
    image, box = sandbox_image(sandbox()), cluster.box
    node.load(box, [image])
    found: dict[tuple[str, str], Json] = {}
    # The extensions' controller is the same object with one argument more.
    for name in ("rbac.generated", "controller", "extensions-rbac.generated", "extensions", "extensions.controller"):
        for each in _manifests(f"k8s/{name}.yaml"):
            found[each["kind"], each["metadata"]["name"]] = each
    for each in found.values():
        if each["kind"] == "StatefulSet":
            (container,) = each["spec"]["template"]["spec"]["containers"]
            container |= {"image": image.name, "imagePullPolicy": "IfNotPresent"}
    objects = sorted(found.values(), key=lambda each: each["kind"] != "Namespace")
    apply(cluster.kubectl, objects)
    client = cluster.client()
    until(lambda: _is_up(client), box=box, what="agent-sandbox is ready")
    client.close()


def remove(cluster: Cluster) -> None:
    """Remove the controller; the kinds stay."""
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def _manifests(path: str) -> list[Json]:
    text = (module_folder("sandbox", SANDBOX) / path).read_text()
    return [each for each in yaml.safe_load_all(text) if each]


def _is_up(client: Client) -> bool:
    found = client.ask("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/{_CONTROLLER}")
    return bool(found.get("status", {}).get("availableReplicas") == 1)

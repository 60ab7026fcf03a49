"""Tekton Pipelines, as its own manifests install it: the controller, and the webhook that checks and converts.

Guarantees: both run as pods under the service accounts and Roles that the project ships; changed are images and pull
policies, and how often they are asked whether they are ready. Not there: resolvers, the events' controller, the
webhook's autoscaler, and the images for scripts, working directories and results from logs: steps name their command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.doubles.platform.client import Client
from tests.e2e.provision import node
from tests.e2e.provision.cluster import Cluster
from tests.e2e.provision.images import TektonImages, tekton_images
from tests.e2e.provision.programs import TEKTON, module_folder, tekton
from tests.e2e.provision.readiness import deployed, until
from tests.e2e.provision.starting import apply

Json = dict[str, Any]
NAMESPACE = "tekton-pipelines"
_ROLES = ("200-clusterrole", "200-role", "200-serviceaccount", "201-clusterrolebinding", "201-rolebinding")


def install(cluster: Cluster) -> None:
    """Start controller and webhook, and wait until they work.

    Raises:
        ClusterError: They did not become ready.
    """
    images, box = tekton_images(tekton()), cluster.box
    node.load(box, images.all())
    settings = sorted(each.stem for each in _config().glob("config-*.yaml"))
    # The configuration comes before the webhook that checks it.
    for names in (("100-namespace/100-namespace",), (*_ROLES, *settings), ("controller", "webhook", "500-webhooks")):
        objects = [each for name in names for each in _manifests(name)]
        apply(cluster.kubectl, [_placed(each, images=images) for each in objects])
    client = cluster.client()
    until(lambda: deployed(client, NAMESPACE) == 2, box=box, what="Tekton is deployed")
    until(lambda: _checks(client), box=box, what="Tekton's webhook checks")
    client.close()


def remove(cluster: Cluster) -> None:
    """Remove both; the kinds stay. Without the webhook, its configurations would let nothing pass."""
    for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
        cluster.kubectl("delete", kind, "--selector=app.kubernetes.io/part-of=tekton-pipelines", "--ignore-not-found")
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def _config() -> Path:
    return module_folder("tekton", TEKTON) / "config"


def _manifests(name: str) -> list[Json]:
    return [each for each in yaml.safe_load_all((_config() / f"{name}.yaml").read_text()) if each]


def _placed(manifest: Json, *, images: TektonImages) -> Json:
    """A manifest with the images of this cluster."""
    if manifest["kind"] != "Deployment":
        return manifest
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    if manifest["metadata"]["name"].endswith("controller"):
        image = images.controller
        flags = ("entrypoint", "nop", "sidecarlogresults", "workingdirinit", "shell", "shell-image-win")
        names = [flag if flag.endswith("win") else f"{flag}-image" for flag in flags]
        container["args"] = [part for name in names for part in (f"-{name}", images.entrypoint.name)]
    else:
        image = images.webhook
    container |= {"image": image.name, "imagePullPolicy": "IfNotPresent"}
    container["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1}
    return manifest


def _checks(client: Client) -> bool:
    """Whether the webhook has registered itself, and answers: a PipelineRun without a spec is refused by it."""
    path = "/apis/tekton.dev/v1/namespaces/default/pipelineruns"
    body = {"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": "empty"}, "spec": {}}
    reply = client.request("POST", path, body, query={"dryRun": "All"})
    return reply.status == 400 and "denied the request" in reply.text

"""Argo Workflows, Argo Events and the event bus, as their own manifests install them.

Guarantees: controllers and Argo Server run as pods under the service accounts and Roles that their projects ship, the
controller in a namespace of its own with the workflows' namespace as the managed one; changed are images, pull policies
and what `Options` says. Not there: Argo's single sign-on, artifact stores, and the web interface's files.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.e2e.provision.argo_release import argo_release
from tests.e2e.provision.box import Box
from tests.e2e.provision.images import Images
from tests.e2e.provision.kubernetes import Identities
from tests.e2e.provision.network import Network
from tests.e2e.provision.programs import EVENTS, Programs, module_folder
from tests.e2e.support.installation import Kubectl
from tests.integration.control_plane.binaries import find

Json = dict[str, Any]
NAMESPACE = "argo"
BUS_PORT = 4222
_OF_NO_NAMESPACE = ("PriorityClass", "ClusterRole", "ClusterRoleBinding")
_FAST = {"DEFAULT_REQUEUE_TIME": "1s", "SEMAPHORE_NOTIFY_DELAY": "100ms"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What may differ from Argo's own manifests."""

    fast: bool = False
    """Reconcile workflows again after 1 s instead of Argo's 10 s."""
    referencing: Literal["Secure", "Strict", "none"] = "Secure"
    """Argo's `templateReferencing`: which Workflows it accepts besides those that just name a WorkflowTemplate."""
    busy: bool = False
    """Send five times as many requests a second as Argo does by default: `--qps 100 --burst 200`."""
    everywhere: bool = False
    """One Argo for all namespaces, as its cluster-wide installation has it: agents' Workflows live in another one."""


def bus(box: Box, programs: Programs, known: Identities, network: Network) -> None:
    """Start the event bus. The clients of Argo Events insist on TLS, and check no certificate."""
    command = [
        str(programs.nats / "nats-server"),
        "--jetstream",
        f"--store_dir={box.folder / 'nats'}",
        f"--addr={network.node}",
        f"--port={BUS_PORT}",
        "--tls",
        f"--tlscert={known.serving.certificate}",
        f"--tlskey={known.serving.key}",
    ]
    box.start("nats", command)


def workflows(images: Images, *, managed: str, options: Options) -> list[Json]:
    """Argo Workflows: the controller and Argo Server, for one managed namespace."""
    release = argo_release()
    base = module_folder(release.folder, release.module) / "manifests"
    objects = _built(base / "base/workflow-controller") + _built(base / "base/argo-server")
    roles = base / ("cluster-install-no-crds" if options.everywhere else "namespace-install")
    access = _built(roles / "workflow-controller-rbac") + _built(roles / "argo-server-rbac")
    scope = [] if options.everywhere else ["--namespaced", "--managed-namespace", managed]
    for each in objects:
        container = _container(each)
        match each["kind"], each["metadata"]["name"]:
            case "Deployment", "workflow-controller":
                executor = ["--executor-image", images.executor.name, "--executor-image-pull-policy", "IfNotPresent"]
                rate = ["--qps", "100", "--burst", "200"] if options.busy else []
                container |= {"image": images.controller.name, "args": [*scope, *executor, *rate]}
                timing = _FAST if options.fast else {}
                container["env"] += [{"name": name, "value": value} for name, value in timing.items()]
                # Argo takes up another configuration while it runs; when, it does not say. A new pod has it for sure.
                each["spec"]["template"]["metadata"]["annotations"] = {"tests/referencing": options.referencing}
            case "Deployment", "argo-server":
                container |= {"image": images.server.name, "args": ["server", *scope, "--auth-mode", "client"]}
                container["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1}
            case "ConfigMap", _:
                each["data"] = _configuration(options)
            case _:
                pass
    here = [_placed(each, namespace=NAMESPACE) for each in [*objects, *access]]
    return here if options.everywhere else here + [_placed(each, namespace=managed) for each in access]


def remove_access_everywhere(kubectl: Kubectl) -> None:
    """Take back what only a cluster-wide Argo may do."""
    kubectl("delete", "clusterrolebinding", "--ignore-not-found", "argo-binding", "argo-server-binding")


def events(images: Images, network: Network, *, namespace: str) -> list[Json]:
    """Argo Events: its controller, and an EventBus named `default` on the bus that runs here."""
    base = module_folder("events", EVENTS) / "manifests"
    objects = _built(base / "base/controller-manager") + _built(base / "namespace-install/rbac")
    objects += [yaml.safe_load((base / "base/argo-events-sa.yaml").read_text())]
    for each in objects:
        if each["kind"] == "Deployment":
            container = _container(each)
            container |= {"image": images.events.name, "imagePullPolicy": "IfNotPresent"}
            container["args"] = ["controller", "--namespaced"]
            changed = {"ARGO_EVENTS_IMAGE": images.events.name, "IMAGE_PULL_POLICY": "IfNotPresent"}
            kept = [variable for variable in container["env"] if variable["name"] not in changed]
            container["env"] = kept + [{"name": name, "value": value} for name, value in changed.items()]
    stream = "maxMsgs: 50000\nmaxAge: 168h\nreplicas: 1\nduplicates: 300s\n"
    exotic = {"url": f"tls://{network.node}:{BUS_PORT}", "streamConfig": stream}
    event_bus = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "EventBus",
        "metadata": {"name": "default"},
        "spec": {"jetstreamExotic": exotic},
    }
    return [_placed(each, namespace=namespace, home=namespace) for each in [*objects, event_bus]]


def _configuration(options: Options) -> dict[str, str]:
    shipped = {"executor": "imagePullPolicy: IfNotPresent\n"}
    if options.referencing == "none":
        return shipped
    return shipped | {"workflowRestrictions": f"templateReferencing: {options.referencing}\n"}


def _container(manifest: Json) -> Json:
    if manifest["kind"] != "Deployment":
        return {}
    found: Json = manifest["spec"]["template"]["spec"]["containers"][0]
    found.setdefault("env", [])
    return found


def _built(folder: Path) -> list[Json]:
    command = [str(find().kubectl), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def _placed(manifest: Json, *, namespace: str, home: str = NAMESPACE) -> Json:
    """The object in a namespace, and its binding to an account that lives in `home`."""
    placed = dict(manifest)
    if manifest["kind"] not in _OF_NO_NAMESPACE:
        placed["metadata"] = manifest["metadata"] | {"namespace": namespace}
    if manifest["kind"].endswith("RoleBinding"):
        placed["subjects"] = [subject | {"namespace": home} for subject in manifest["subjects"]]
    return placed

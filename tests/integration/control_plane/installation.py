"""The project installed on a real API server as a user installs it: Argo's CRDs, then `kubectl apply -k`.

Guarantees: what is applied is what the packaged settings render, but for the values that a test passes; each namespace
that the settings name exists. Not there: controllers of Argo; what they would do is tests.doubles.argo_workflows.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines import names
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import write_files
from pipelines.settings import Settings, read_settings
from tests.doubles.platform.client import Client
from tests.doubles.platform.platform import install_crd
from tests.integration.control_plane.binaries import find
from tests.schemas import gomod
from tests.support.settings_files import write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.control_plane.server import ControlPlane

ARGO_WORKFLOWS, ARGO_EVENTS = "github.com/argoproj/argo-workflows/v4", "github.com/argoproj/argo-events"
_PLURALS = {"NetworkPolicy": "networkpolicies"}
_ESTABLISHED_S = 60.0
# What this project creates objects of, what its template refers to, and what these need to work.
KINDS = (
    *("workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults"),
    *("sensors", "eventsources", "eventbus"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One installation."""

    plane: ControlPlane
    settings: Settings
    folder: Path
    client: Client

    def kubectl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator."""
        command = [str(find().kubectl), "--kubeconfig", str(self.plane.kubeconfig), *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if check and ran.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {ran.stderr}")
        return ran

    def path(self, manifest: dict[str, Any], *, collection: bool = False) -> str:
        """The API path of a rendered object, or of the collection it belongs to."""
        version, metadata = manifest["apiVersion"], manifest["metadata"]
        root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
        plural = _PLURALS.get(manifest["kind"], f"{manifest['kind'].lower()}s")
        path = f"{root}/namespaces/{metadata['namespace']}/{plural}"
        return path if collection else f"{path}/{metadata['name']}"

    def template(self, name: str = names.TEMPLATE) -> dict[str, Any]:
        """A WorkflowTemplate as the API server has it."""
        namespace = self.settings.namespaces.workflows
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflowtemplates/{name}"
        return self.client.ask("GET", path)


def settings_with(changes: Mapping[str, str], *, folder: Path) -> Settings:
    """The packaged settings with some texts replaced, each of which must be there."""
    return read_settings(write_settings(folder, changes))


def install_argo_crds(installation: Installation) -> None:
    """Apply the full CRDs that Argo ships."""
    folders = (
        gomod.folder(ARGO_WORKFLOWS) / "manifests/base/crds/full",
        gomod.folder(ARGO_EVENTS) / "manifests/base/crds",
    )
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            if path.stem.rpartition("_")[2] in KINDS:
                installation.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(path))
    wanted = [f"crd/{kind}.argoproj.io" for kind in KINDS]
    # Not `kubectl wait` alone: it fails on a definition that has no status yet, as on a busy machine.
    deadline = time.monotonic() + _ESTABLISHED_S
    while installation.kubectl("wait", "--for=condition=Established", "--timeout=5s", *wanted, check=False).returncode:
        assert time.monotonic() < deadline, "the CRDs are not established"
        time.sleep(0.2)


def install(plane: ControlPlane, *, settings: Settings, folder: Path) -> Installation:
    """Install everything a user installs."""
    installation = Installation(plane=plane, settings=settings, folder=folder, client=plane.client())
    install_argo_crds(installation)
    install_crd(installation.client)
    spaces = settings.namespaces
    for name in dict.fromkeys((spaces.workflows, *spaces.agents, spaces.documents, spaces.events)):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        installation.client.request("POST", "/api/v1/namespaces", body)
    write_files(render_files(settings), output=folder)
    installation.kubectl("apply", "-k", str(folder))
    return installation


def manifests(folder: Path) -> list[dict[str, Any]]:
    """Every rendered object of a folder."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    return [yaml.safe_load((folder / path).read_text()) for path in listed]

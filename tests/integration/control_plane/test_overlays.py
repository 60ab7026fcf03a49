"""Kustomize overlays over the rendered folder: images, labels and patches; and doctor beside them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.client import kube_client, kubeconfig_transport
from pipelines.doctor import CheckStatus
from pipelines.doctor import Installation as Examined
from pipelines.doctor.objects import drift
from pipelines.doctor.overlay import read_manifests
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import write_files
from pipelines.names import APP
from steps.core.errors import BadInputError
from tests.integration.control_plane.binaries import find
from tests.integration.control_plane.installation import Installation
from tests.support.harness import DEFAULTS

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(120)]

OVERLAY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [rendered]
configurations: [rendered/kustomizeconfig.yaml]
images:
- {name: agent-cancellation, newName: registry.example.com/mirror/agent-cancellation, newTag: 0.1.0-7}
labels:
- pairs: {team: platform}
patches:
- target: {kind: ConfigMap, name: cancel-agents-limits}
  patch: |-
    - {op: replace, path: /data/concurrent, value: "3"}
"""


def images(value: object) -> Iterator[str]:
    """Every image in a tree."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "image" and isinstance(inner, str):
                yield inner
            else:
                yield from images(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from images(inner)


@pytest.fixture
def overlay(installation: Installation, tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """An overlay, and what it builds."""
    copied = tmp_path / "overlay"
    copied.mkdir()
    for path in sorted(installation.folder.rglob("*")):
        target = copied / "rendered" / path.relative_to(installation.folder)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (copied / "kustomization.yaml").write_text(OVERLAY)
    built = installation.kubectl("kustomize", str(copied)).stdout
    file = tmp_path / "built.yaml"
    file.write_text(built)
    return file, list(yaml.safe_load_all(built))


def test_images_labels_and_patches_of_an_overlay_reach_every_object(
    overlay: tuple[Path, list[dict[str, Any]]],
) -> None:
    _, built = overlay
    found = {image for each in built for image in images(each)}
    assert found == {"registry.example.com/mirror/agent-cancellation:0.1.0-7"}
    assert sum(len(list(images(each))) for each in built) >= 3
    assert {each["metadata"]["labels"]["team"] for each in built} == {"platform"}
    (limits,) = [each for each in built if each["metadata"]["name"] == "cancel-agents-limits"]
    assert limits["data"] == {"concurrent": "3"}


def test_doctor_compares_with_what_the_overlay_builds(
    installation: Installation, overlay: tuple[Path, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = overlay
    monkeypatch.setenv("KUBECONFIG", str(installation.plane.kubeconfig))
    kube = kube_client(installation.settings, transport=kubeconfig_transport())

    def wrong(*manifests: dict[str, Any]) -> list[str]:
        examined = Examined(
            settings=installation.settings, kube=kube, now=datetime.now(UTC), env={}, manifests=manifests
        )
        return [each.found for each in drift(examined, "objects") if each.status is CheckStatus.WRONG]

    installation.kubectl("apply", "-k", str(installation.folder))
    try:
        assert wrong() == []
        installation.kubectl("apply", "-f", str(file))
        assert any("WorkflowTemplate cancel-agents" in each for each in wrong())
        assert wrong(*read_manifests(file)) == []
        installation.kubectl("apply", "-k", str(installation.folder))
        assert any("WorkflowTemplate cancel-agents" in each for each in wrong(*read_manifests(file)))
    finally:
        installation.kubectl("apply", "-k", str(installation.folder))


def built_from(tmp_path: Path, overlay: str) -> list[dict[str, Any]]:
    """What kustomize makes of an overlay over the packaged settings; it needs no API server."""
    settings = replace(DEFAULTS, events=replace(DEFAULTS.events, react_to=("push", "commands")))
    (tmp_path / "rendered").mkdir()
    write_files(render_files(settings), output=tmp_path / "rendered")
    (tmp_path / "kustomization.yaml").write_text(overlay)
    command = [str(find().kubectl), "kustomize", str(tmp_path)]
    return list(yaml.safe_load_all(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


@pytest.mark.parametrize(
    "labels",
    [
        "commonLabels: {team: platform}",
        "labels: [{pairs: {team: platform}, includeSelectors: true}]",
        "labels: [{pairs: {team: platform}, includeTemplates: true}]",
        "labels: [{pairs: {team: platform}}]",
    ],
)
@pytest.mark.parametrize("configurations", ["", "configurations: [rendered/kustomizeconfig.yaml]\n"])
def test_the_network_policy_selects_every_pod_whatever_labels_an_overlay_adds(
    tmp_path: Path, labels: str, configurations: str
) -> None:
    """Kustomize adds labels to the selector of a NetworkPolicy, and by itself to no pod of Argo's kinds."""
    built = built_from(tmp_path, f"resources: [rendered]\n{configurations}{labels}\n")
    (policy,) = [each for each in built if each["kind"] == "NetworkPolicy"]
    wanted = policy["spec"]["podSelector"]["matchLabels"].items()
    pods = [each["spec"]["podMetadata"]["labels"].items() for each in built if each["kind"] == "WorkflowTemplate"]
    assert len(pods) == 3
    assert all(wanted <= labels for labels in pods)
    assert wanted >= APP.items()


@pytest.mark.parametrize("text", ["{", "", "[]", "a: 1", None])
def test_a_file_that_no_overlay_builds_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "built.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInputError, match="kubectl kustomize FOLDER"):
        read_manifests(path)

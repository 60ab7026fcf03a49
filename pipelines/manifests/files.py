"""The rendered files: their paths, their differences from a folder, and how they are written.

Guarantees that everything is built and checked before the first byte is written, that equal settings give equal bytes,
and that only files with our first line are removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.yaml_dump import dump_yaml
from pipelines.observability import (
    DASHBOARD_FILE,
    RULES_FILE,
    dashboard_json,
    monitoring_kustomization,
    monitoring_manifests,
    prometheus_rules,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.settings import Settings


HEADER = "# Rendered by agent-cancellation (make render): do not edit.\n"


def _folder(manifest: dict[str, Any], settings: Settings) -> str:
    """Return the folder of an object, by its namespace."""
    found = {
        settings.namespaces.events: "events",
        settings.namespaces.agents: "agents",
        settings.namespaces.workflows: "workflows",
    }
    return found[manifest["metadata"]["namespace"]]


def render_files(settings: Settings) -> dict[str, str]:
    """Render every file, by its path in the output folder.

    Raises:
        BadInputError: A setting cannot be rendered.
    """
    files: dict[str, str] = {}
    for manifest in all_manifests(settings):
        name = f"{manifest['kind'].lower()}-{manifest['metadata']['name']}.yaml"
        path = f"{_folder(manifest, settings)}/{name}"
        if path in files:
            raise AssertionError(f"two objects in {path}")
        files[path] = HEADER + dump_yaml(manifest)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "metadata": {"name": "agent-cancellation"},
        "resources": list(files),
    }
    return {"kustomization.yaml": HEADER + dump_yaml(kustomization)} | files | _observability(settings)


def _observability(settings: Settings) -> dict[str, str]:
    """Render the files for monitoring, which the main kustomization does not include."""
    files = {f"{each['kind'].lower()}-{each['metadata']['name']}.yaml": each for each in monitoring_manifests(settings)}
    listed = monitoring_kustomization(settings, resources=list(files))
    written = {"kustomization.yaml": listed} | files | {RULES_FILE: prometheus_rules(settings)}
    found = {f"observability/{name}": HEADER + dump_yaml(each) for name, each in written.items()}
    return found | {f"observability/{DASHBOARD_FILE}": dashboard_json()}


def find_drift(files: dict[str, str], *, output: Path) -> list[str]:
    """List the differences between a folder and the rendered files."""
    missing = [f"{path}: missing" for path in files if not (output / path).is_file()]
    changed = [
        f"{path}: differs"
        for path, text in files.items()
        if (output / path).is_file() and (output / path).read_bytes() != text.encode()
    ]
    return missing + changed + [f"{path}: stale" for path in _others(files, output=output)]


def _others(files: dict[str, str], *, output: Path) -> list[str]:
    """List the files in the folder that are not rendered, or no longer."""
    return sorted(
        path.relative_to(output).as_posix()
        for path in output.rglob("*")
        if path.is_file() and path.relative_to(output).as_posix() not in files
    )


def write_files(files: dict[str, str], *, output: Path) -> None:
    """Write the files, and remove files that an earlier version rendered."""
    for path, text in files.items():
        target = output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_bytes() != text.encode():
            target.write_text(text)
    for path in _others(files, output=output):
        if (output / path).read_text(errors="replace").startswith(HEADER):
            (output / path).unlink()

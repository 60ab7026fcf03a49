"""The rendered files: their paths and their texts.

Guarantees that everything is built and checked before the first byte is written, and that equal settings give equal
bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.folder import CONFIG_FILE, HEADER, dump_yaml, kustomization, transformer_configuration
from pipelines.observability import (
    DASHBOARD_FILE,
    RULES_FILE,
    dashboard_json,
    monitoring_kustomization,
    monitoring_manifests,
    prometheus_rules,
)

if TYPE_CHECKING:
    from pipelines.settings import Settings


def _folder(manifest: dict[str, Any], settings: Settings) -> str:
    """Return the folder of an object, by its namespace. Several namespaces of agents have a folder each."""
    spaces = settings.namespaces
    several = len(spaces.agents) > 1
    found = {
        spaces.documents: "state",
        spaces.events: "events",
        **{name: f"agents/{name}" if several else "agents" for name in spaces.agents},
        spaces.workflows: "workflows",
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
    main = {
        "kustomization.yaml": HEADER + dump_yaml(kustomization(files)),
        CONFIG_FILE: HEADER + dump_yaml(transformer_configuration()),
    }
    return main | files | _observability(settings)


def _observability(settings: Settings) -> dict[str, str]:
    """Render the files for monitoring, which the main kustomization does not include."""
    files = {f"{each['kind'].lower()}-{each['metadata']['name']}.yaml": each for each in monitoring_manifests(settings)}
    listed = monitoring_kustomization(settings, resources=list(files))
    written = {"kustomization.yaml": listed} | files | {RULES_FILE: prometheus_rules(settings)}
    found = {f"observability/{name}": HEADER + dump_yaml(each) for name, each in written.items()}
    return found | {f"observability/{DASHBOARD_FILE}": dashboard_json()}

"""`kubectl apply -k` against a real API server with Argo's full CRDs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipelines import names
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import write_files
from tests.integration.control_plane.installation import Installation, manifests, settings_with
from tests.schemas import gomod

pytestmark = pytest.mark.control_plane


@pytest.mark.parametrize("settings", ["shipped", "with a CA and a proxy"])
def test_every_rendered_object_passes_strict_validation(
    installation: Installation, settings: str, tmp_path: Path
) -> None:
    folder = installation.folder
    if settings != "shipped":
        changes = {'ca_config_map = ""': 'ca_config_map = "ca.example"', 'proxy = ""': 'proxy = "http://proxy:3128"'}
        folder = tmp_path / "rendered"
        write_files(render_files(settings_with(changes, folder=tmp_path)), output=folder)
    for manifest in manifests(folder):
        renamed = manifest | {"metadata": manifest["metadata"] | {"name": f"{manifest['metadata']['name']}-strict"}}
        path = installation.path(manifest, collection=True)
        query = {"fieldValidation": "Strict", "dryRun": "All"}
        reply = installation.client.request("POST", path, renamed, query=query)
        assert reply.status == 201, f"{manifest['kind']}: {reply.text}"


def test_a_misspelt_field_would_be_refused(installation: Installation) -> None:
    template = installation.template()
    template["spec"]["synchronisation"] = {}
    reply = installation.client.request(
        "PUT", installation.path(template), template, query={"fieldValidation": "Strict", "dryRun": "All"}
    )
    assert reply.status == 400
    assert "synchronisation" in reply.text


def test_a_second_apply_changes_nothing(installation: Installation) -> None:
    paths = [installation.path(manifest) for manifest in manifests(installation.folder)]
    before = [installation.client.ask("GET", path) for path in paths]
    again = installation.kubectl("apply", "-k", str(installation.folder))
    assert all(line.endswith("unchanged") for line in again.stdout.splitlines()), again.stdout
    assert [installation.client.ask("GET", path) for path in paths] == before
    assert installation.kubectl("diff", "-k", str(installation.folder), check=False).returncode == 0


def test_what_is_stored_is_what_was_rendered(installation: Installation) -> None:
    template = next(each for each in manifests(installation.folder) if each["kind"] == "WorkflowTemplate")
    assert installation.template()["spec"] == template["spec"]


def test_the_monitoring_folder_is_applied_by_itself_where_its_kinds_are_known(installation: Installation) -> None:
    folder = installation.folder / "observability"
    refused = installation.kubectl("apply", "-k", str(folder), check=False)
    assert "no matches for kind" in refused.stderr, "that is why the main folder leaves it out"
    crds = gomod.folder(gomod.PROMETHEUS_OPERATOR) / "example" / "prometheus-operator-crd"
    for plural in ("prometheusrules", "podmonitors"):
        installation.kubectl("apply", "--server-side", "-f", str(crds / f"monitoring.coreos.com_{plural}.yaml"))
        installation.kubectl("wait", "--for=create", "--timeout=30s", f"crd/{plural}.monitoring.coreos.com")
        crd = f"crd/{plural}.monitoring.coreos.com"
        installation.kubectl("wait", "--for=condition=Established", "--timeout=30s", crd)
    installation.kubectl("apply", "-k", str(folder))
    again = installation.kubectl("apply", "-k", str(folder))
    assert len(again.stdout.splitlines()) == 4
    assert all(line.endswith("unchanged") for line in again.stdout.splitlines()), again.stdout


def test_grafanas_sidecar_finds_the_dashboard(installation: Installation) -> None:
    built = installation.kubectl("kustomize", str(installation.folder / "observability"))
    (found,) = [each for each in yaml.safe_load_all(built.stdout) if each["kind"] == "ConfigMap"]
    assert found["metadata"]["labels"] == {**names.APP, "grafana_dashboard": "1"}
    assert found["metadata"]["namespace"] == installation.settings.namespaces.workflows
    dashboard = (installation.folder / "observability" / "dashboard.json").read_text()
    assert found["data"] == {"agent-cancellation.json": dashboard}

"""`kubectl apply -k` against a real API server with Argo's full CRDs."""

from __future__ import annotations

import pytest

from tests.control_plane.installation import Installation, manifests

pytestmark = pytest.mark.control_plane


def test_every_rendered_object_passes_strict_validation(installation: Installation) -> None:
    for manifest in manifests(installation.folder):
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
    rendered = next(each for each in manifests(installation.folder) if each["kind"] == "WorkflowTemplate")
    assert installation.template()["spec"] == rendered["spec"]

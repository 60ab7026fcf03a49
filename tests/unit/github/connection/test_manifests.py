"""How the manifests name the CA, the proxy and their ports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines import names
from pipelines.manifests.cancel_workflow import workflow_template
from pipelines.manifests.network_policy import network_policy_manifest
from pipelines.manifests.reconcile_workflow import reconcile_template
from pipelines.settings import Settings
from steps.core.errors import BadInputError
from steps.settings.loading import SETTINGS_ENV
from tests.integration.control_plane.installation import settings_with
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS
from tests.unit.github.connection.site import CA, PASSWORD


def settings_with_github(**changes: Any) -> Settings:  # noqa: ANN401 - passed on
    """The shipped settings with others for GitHub."""
    return replace(DEFAULTS, github=replace(DEFAULTS.github, **changes))


@pytest.mark.parametrize("name", [CA, "github", "tmp", "corporate-ca.example.com"])
def test_every_pod_that_asks_github_mounts_the_bundle_and_none_waits_for_it(name: str) -> None:
    settings = settings_with_github(ca_config_map=name)
    templates = [workflow_template(settings), reconcile_template(settings)]
    assert [problem for each in templates for problem in validate(each)] == []
    parts = [part for each in templates for part in each["spec"]["templates"] if "volumes" in part]
    assert [part["name"] for part in parts] == [names.ENTRYPOINT, names.FAIL, names.RECONCILE]
    for part in parts:
        (volume,) = [each for each in part["volumes"] if each.get("configMap", {}).get("name") == name]
        assert volume["configMap"] == {"name": name, "optional": True}
        assert len({each["name"] for each in part["volumes"]}) == len(part["volumes"])
        for container in part.get("containerSet", {}).get("containers") or [part["container"]]:
            (mount,) = [each for each in container["volumeMounts"] if each["name"] == volume["name"]]
            assert mount["mountPath"] == settings.github.ca_dir


def test_without_it_nothing_is_mounted() -> None:
    assert DEFAULTS.github.ca_dir not in json.dumps(
        [part.get("volumes") for part in workflow_template(DEFAULTS)["spec"]["templates"]]
    )


@pytest.mark.parametrize(
    ("changes", "port"),
    [
        ({"proxy": "http://proxy.example.com:3128"}, 3128),
        ({"proxy": "http://proxy.example.com"}, 80),
        ({"api_url": "https://github.example.com:8443/api/v3"}, 8443),
        ({"api_url": "https://github.example.com:8443/api/v3", "proxy": "http://proxy.example.com:3128"}, 3128),
        ({}, 443),
    ],
)
def test_the_port_that_pods_connect_to_is_let_out(changes: dict[str, str], port: int) -> None:
    _, egress = network_policy_manifest(settings_with_github(**changes))["spec"]["egress"]
    assert [each["port"] for each in egress["ports"]] == sorted({443, 6443, port})


def test_no_container_learns_of_the_proxy_but_by_the_settings() -> None:
    text = json.dumps(workflow_template(settings_with_github(proxy="http://proxy.example.com:3128")))
    assert "_PROXY" not in text.upper()
    assert text.count("http://proxy.example.com:3128") == text.count(f'"{SETTINGS_ENV}"')


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("proxy", f"http://me:{PASSWORD}@proxy:3128", "the Secret that workflow.credentials_secret names"),
        ("proxy", "http://me@proxy:3128", "credentials do not belong here"),
        ("api_url", f"https://me:{PASSWORD}@github.example.com", "credentials do not belong here"),
        ("proxy", "proxy:3128", "not an address"),
        ("proxy", "socks5://proxy:1080", "not an address"),
        ("proxy", "http://proxy:99999", "not an address"),
        ("proxy", "http://pro xy:3128", "not an address"),
        ("proxy", "https://proxy:3128", "http://"),
        ("api_url", "github.example.com", "not an address"),
        ("api_url", "https://", "not an address"),
        ("api_url", "", "at least one"),
        ("ca_config_map", "Corporate CA", "give the name of a ConfigMap"),
        ("ca_key", "../token", "give letters, digits"),
    ],
)
def test_an_address_that_is_none_or_holds_credentials_is_refused(
    tmp_path: Path, key: str, value: str, said: str
) -> None:
    before = json.dumps(getattr(DEFAULTS.github, key))
    with pytest.raises(BadInputError, match=f"github.{key}: ") as caught:
        settings_with({f"\n{key} = {before}": f"\n{key} = {json.dumps(value)}"}, folder=tmp_path)
    assert said in str(caught.value)
    assert PASSWORD not in str(caught.value)

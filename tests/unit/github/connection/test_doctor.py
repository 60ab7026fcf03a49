"""The doctor's checks of the connection to GitHub."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.client.kubeconfig import kube_client as laptop_kube
from pipelines.doctor.check import Installation, run_checks
from pipelines.doctor.registry import CHECKS
from pipelines.settings import Settings
from tests.doubles import proxy
from tests.support.harness import DEFAULTS, TOKEN, Scene
from tests.support.scene.in_process import InProcess
from tests.unit.github.connection.site import CA, Site


def examined(scene: Scene, settings: Settings) -> dict[str, tuple[str, str]]:
    """Verdict and finding of the checks of GitHub."""
    token = {"GITHUB_TOKEN": TOKEN}
    kube = laptop_kube(settings, transport=InProcess(scene.api))
    installation = Installation(settings=settings, kube=kube, now=scene.clock.now(), env=token)
    checks = {name: CHECKS[name] for name in ("github's ca", "github")}
    return {each.check: (each.status, each.found) for each in run_checks(installation, checks)}


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (None, "wrong", f"has no ConfigMap {CA}"),
        ({"ca.pem": "x"}, "wrong", "has no key ca.crt"),
        ({"ca.crt": "not PEM"}, "wrong", "does not hold certificates"),
        ({"ca.crt": ""}, "ok", "has certificates"),
    ],
)
def test_doctor_checks_the_bundle(
    scene: Scene, site: Site, data: dict[str, str] | None, status: str, said: str
) -> None:
    if data is not None:
        if status == "ok":
            data = {"ca.crt": site.authority.certificate.read_text()}
        metadata = {"name": CA, "namespace": DEFAULTS.namespaces.workflows}
        scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    found = examined(scene, replace(DEFAULTS, github=site.rules))
    assert found["github's ca"][0] == status
    assert said in found["github's ca"][1]


def test_what_blocks_a_laptop_is_unknown_for_the_pods(
    scene: Scene, site: Site, way: proxy.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(DEFAULTS, github=site.rules)
    status, said = examined(scene, settings)["github"]
    assert (status, "set REQUESTS_CA_BUNDLE" in said) == ("unknown", True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/not/there")
    status, said = examined(scene, settings)["github"]
    assert (status, "REQUESTS_CA_BUNDLE names" in said) == ("unknown", True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(site.authority.certificate))
    assert examined(scene, settings)["github"][0] == "ok"
    way.refuses = 403
    monkeypatch.setenv("HTTPS_PROXY", way.url)
    status, said = examined(scene, settings)["github"]
    assert (status, "correct HTTPS_PROXY" in said) == ("unknown", True)


def test_the_doctor_asks_for_no_repository_if_all_of_an_owner_count(scene: Scene) -> None:
    events = replace(DEFAULTS.events, repositories=("5dlabs/*",))
    api = replace(DEFAULTS.github, api_url=scene.github_url)
    found = examined(scene, replace(DEFAULTS, github=api, events=events))
    assert found["github"] == ("ok", "events.repositories names no single repository")
    assert not [call for call in scene.github.calls if "*" in call.path]

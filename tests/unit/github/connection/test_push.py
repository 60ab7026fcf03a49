"""A whole push behind a CA and a proxy, by the rendered commands and environments."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipelines.manifests.cancel_workflow import workflow_template
from pipelines.manifests.config_maps import breakers
from steps.cancellation.workflow import build_workflow as workflow_of_a_push
from steps.core.errors import Exit
from steps.github.connection import CA_BUNDLE_VARIABLES
from steps.settings.github import GitHubSettings
from tests.doubles import argo_controller, proxy
from tests.doubles.argo_workflows import Argo, Process
from tests.doubles.kubernetes import ApiServer, serve, write_kubeconfig
from tests.doubles.platform.client import Client
from tests.doubles.platform.crd import CRD
from tests.support.harness import DEFAULTS, NEW, REPOSITORY
from tests.unit.github.connection.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster's API server, and what a pod of the steps finds there."""

    api: ApiServer
    client: Client
    environment: dict[str, str]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """An API server with the rendered objects; its pods inherit an unreachable proxy and a bundle that is missing."""
    spaces = DEFAULTS.namespaces
    api = ApiServer(namespaces=("default", spaces.workflows, spaces.agents[0], spaces.events))
    for each in (CRD, argo_controller.CRD, breakers(DEFAULTS)):
        api.create(each)
    with serve(api) as url:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", url)
        client = Client.from_kubeconfig(kubeconfig, user_agent="argo")
        inherited = {"HTTPS_PROXY": "http://127.0.0.1:1", CA_BUNDLE_VARIABLES[0]: "/not/there"}
        needed = {"KUBECONFIG": str(kubeconfig), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}
        yield Cluster(api=api, client=client, environment=needed | inherited)
        client.close()


def play(cluster: Cluster, rules: GitHubSettings) -> Process:
    """Run the Workflow of a push as processes."""
    usual = DEFAULTS.github
    settings = replace(DEFAULTS, github=replace(rules, ca_dir=usual.ca_dir, credentials_dir=usual.credentials_dir))
    values = {
        "repository": REPOSITORY,
        "task-id": "7",
        "ref": "refs/heads/task-7-work",
        "sha": NEW,
        "pushed-at": str(int(time.time())),
        "correlation-id": "delivery-1",
    }
    created = cluster.api.create(workflow_of_a_push(values, settings=settings))
    template = workflow_template(settings)
    argo = Argo(
        template=template,
        client=cluster.client,
        environment=cluster.environment,
        mounts={usual.ca_dir: Path(rules.ca_dir), usual.credentials_dir: Path(rules.credentials_dir)},
        monotonic=time.monotonic,
    )
    return argo.attempt(created)


def test_a_push_is_processed_behind_a_private_ca_and_a_proxy(site: Site, way: proxy.Proxy, cluster: Cluster) -> None:
    process = play(cluster, replace(site.rules, proxy=way.url))
    assert process.exit_code == 0, process.output
    assert site.github.labels(1) == ("remediation-in-progress",)
    assert set(way.targets) == {site.host}, "nothing but GitHub goes through the proxy"
    assert way.refused == []
    assert cluster.api.calls, "the API server was asked all the same"


def test_without_the_ca_the_step_names_the_setting_and_is_not_tried_again(site: Site, cluster: Cluster) -> None:
    process = play(cluster, replace(site.rules, ca_config_map=""))
    assert process.exit_code == Exit.BAD_INPUT
    last = json.loads(process.output.splitlines()[-1])
    assert last["error"] == "CertificateError"
    assert "set github.ca_config_map" in last["event"]
    assert site.host in last["event"]
    assert site.github.calls == [], "nothing was sent"
    breakers = cluster.api.get("configmaps", DEFAULTS.breaker.config_map, namespace=DEFAULTS.namespaces.workflows)
    assert "data" not in breakers, "it says nothing of GitHub's health"

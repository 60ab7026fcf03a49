"""Two namespaces of agents and one of state documents on a real API server, with the rendered Roles."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines import names
from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import write_files
from pipelines.settings import Settings
from steps.cancellation.workflow import build_workflow
from steps.core.errors import Exit
from steps.core.keys import RECORD
from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.lease.lease_object import lease_name
from tests.doubles import github as github_double
from tests.doubles.argo_workflows import Argo
from tests.doubles.platform.controller import Controller
from tests.doubles.platform.kubelet import Kubelet
from tests.doubles.platform.platform import put_run, runs_path
from tests.doubles.platform.running import running
from tests.doubles.platform.runs import REX, TESS, agent_run
from tests.doubles.service_account import ServiceAccount
from tests.integration.control_plane.installation import Installation, install, settings_with
from tests.integration.control_plane.server import ControlPlane
from tests.support.doubt import wait_out_doubt

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(90, func_only=True)]

ONE, TWO, STATE, MISSING = "two-one", "two-two", "two-states", "two-missing"
TASK, REPOSITORY = 41, "5dlabs/two"
OLD, NEW, NEWER, TOKEN = "a" * 40, "b" * 40, "c" * 40, "ghs_two"


@pytest.fixture(scope="module")
def two(
    control_plane: ControlPlane, github: tuple[github_double.GitHub, str], tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """The project, installed beside the shared installation."""
    folder = tmp_path_factory.mktemp("two")
    changes = {
        '"https://api.github.com"': f'"{github[1]}"',
        "hosts = []": 'hosts = ["github.com"]',
        "grace_s = 30 ": "grace_s = 8 ",
        'workflows = "agent-cancellation"': 'workflows = "two-cancellation"',
        'agents = "agent-platform"': f'agents = ["{ONE}", "{TWO}"]',
        'state = ""': f'state = "{STATE}"',
        'events = "argo-events"': 'events = "two-events"',
    }
    settings = settings_with(changes, folder=folder)
    double = github[0]
    double.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
    double.add_pull_request(
        repository=REPOSITORY, head=f"task-{TASK}-work", sha=OLD, labels=["ready-for-qa", f"task-{TASK}"]
    )
    double.add_token(TOKEN)
    return install(control_plane, settings=settings, folder=folder / "rendered")


@pytest.fixture
def platform(two: Installation) -> Iterator[None]:
    """The platform's controllers, in both namespaces."""
    with ExitStack() as stack:
        for space in (ONE, TWO):
            parts = Controller(client=two.client, namespace=space), Kubelet(client=two.client, namespace=space)
            stack.enter_context(running(*parts))
        yield


def argo(two: Installation, folder: Path, *, settings: Settings) -> Argo:
    """What runs a pod of the rendered template, with the shipped account."""
    secrets, home = folder / "github", settings.namespaces.workflows
    secrets.mkdir()
    (secrets / "token").write_text(TOKEN)
    kubeconfig = two.plane.service_account_kubeconfig(home, names.STEPS_ACCOUNT, folder / "kubeconfig")
    template = next(
        each
        for each in all_manifests(settings)
        if each["kind"] == "WorkflowTemplate" and each["metadata"]["name"] == names.TEMPLATE
    )
    return Argo(
        template=template,
        client=two.client,
        environment={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"},
        mounts={settings.github.credentials_dir: secrets},
        monotonic=time.monotonic,
        account=ServiceAccount.mount(kubeconfig, folder / "account"),
    )


def start(two: Installation, space: str, name: str, *, agent: str = TESS) -> None:
    """Start an agent, and wait until it works."""
    repository = f"https://github.com/{REPOSITORY}"
    manifest = agent_run(task=TASK, agent=agent, repository=repository, namespace=space, name=name)
    put_run(two.client, manifest)
    deadline = time.monotonic() + 20
    while two.client.ask("GET", runs_path(space, name)).get("status", {}).get("phase") != "Running":
        assert time.monotonic() < deadline, f"{name} does not begin"
        time.sleep(0.05)


def left(two: Installation) -> set[tuple[str, str]]:
    """Namespaces and names of the runs that are there."""
    return {
        (space, run["metadata"]["name"])
        for space in (ONE, TWO)
        for run in two.client.ask("GET", runs_path(space))["items"]
    }


def workflow(two: Installation, sha: str) -> dict[str, Any]:
    """Create the Workflow of a push to agents that are certainly older."""
    wait_out_doubt(time.time())
    values = {
        "repository": REPOSITORY,
        "task-id": str(TASK),
        "ref": f"refs/heads/task-{TASK}-work",
        "sha": sha,
        "pushed-at": str(int(time.time())),
        "correlation-id": str(uuid.uuid4()),
    }
    manifest = build_workflow(values, settings=two.settings)
    return two.client.ask("POST", two.path(manifest, collection=True), manifest, query={"fieldValidation": "Strict"})


@pytest.mark.usefixtures("platform")
def test_a_missing_namespace_ends_a_push_and_the_apply_by_name(two: Installation, tmp_path: Path) -> None:
    spaces = replace(two.settings.namespaces, agents=(ONE, MISSING))
    wrong = replace(two.settings, namespaces=spaces)
    start(two, ONE, "early")
    ran = argo(two, tmp_path, settings=wrong).attempt(workflow(two, NEW))
    assert ran.exit_code == Exit.FORBIDDEN, ran.output
    assert f"/namespaces/{MISSING}/coderuns" in ran.output
    assert (ONE, "early") in left(two)
    write_files(render_files(wrong), output=tmp_path / "rendered")
    applied = two.kubectl("apply", "--dry-run=server", "-k", str(tmp_path / "rendered"), check=False)
    assert applied.returncode != 0
    assert f'namespaces "{MISSING}" not found' in applied.stderr


@pytest.mark.usefixtures("platform")
def test_a_push_stops_runs_of_one_name_in_both_namespaces(
    two: Installation, github: tuple[github_double.GitHub, str], tmp_path: Path
) -> None:
    for space in (ONE, TWO):
        start(two, space, "tess")
    start(two, TWO, "exempt", agent=REX)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"task-{TASK}-state"}}
    maps = f"/api/v1/namespaces/{STATE}/configmaps"
    two.client.ask("POST", maps, body | {"data": {"state.json": '{"cancellation_in_progress": false}'}})
    wait_out_doubt(time.time())
    github[0].push(f"task-{TASK}-work", NEWER, repository=REPOSITORY)
    ran = argo(two, tmp_path, settings=two.settings).attempt(workflow(two, NEWER))
    assert ran.exit_code == 0, ran.output
    assert left(two) == {(TWO, "exempt")}
    assert "remediation-in-progress" in github[0].labels(1, repository=REPOSITORY)
    name = lease_name(repository=Repository(REPOSITORY), task=TaskId(str(TASK)))
    home = two.settings.namespaces.workflows
    lease = two.client.ask("GET", f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases/{name}")
    record = json.loads(lease["metadata"]["annotations"][RECORD])
    gone = {(each["namespace"], each["name"]) for each in record["agents"] if each["outcome"] == "gone"}
    assert gone >= {(ONE, "tess"), (TWO, "tess")}
    state = json.loads(two.client.ask("GET", f"{maps}/task-{TASK}-state")["data"]["state.json"])
    assert state["cancellation_in_progress"] is False
    assert "last_update" in state, "the flag was set, and taken back"

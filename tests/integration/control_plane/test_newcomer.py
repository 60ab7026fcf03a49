"""A newcomer: an empty folder, the wheel, `init`, `render`, `kubectl apply`, one push, and the labels have moved.

The commands are those of the installed wheel, and the steps run in an environment with what the image has. Neither sees
this repository. GitHub, Argo Events and Argo Workflows are doubles.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines import names
from tests.doubles import github as github_double
from tests.doubles.argo_events import EventSource, Sensor
from tests.doubles.argo_workflows import Argo
from tests.doubles.platform.client import Client
from tests.doubles.platform.controller import Controller
from tests.doubles.platform.kubelet import Kubelet
from tests.doubles.platform.platform import put_run, runs_path
from tests.doubles.platform.running import running
from tests.doubles.platform.runs import agent_run
from tests.doubles.service_account import ServiceAccount
from tests.integration.control_plane.binaries import find
from tests.integration.control_plane.installation import Installation
from tests.integration.control_plane.server import ControlPlane
from tests.integration.package.fixtures import Tool
from tests.support.doubt import wait_out_doubt
from tests.tools.demo.webhook import push_webhook

# The first run on a machine downloads what the wheel requires.
pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(600)]

REPOSITORY, BRANCH, CODER, TESTER = "acme/newcomer", "task-42-fix", "acme-coder", "acme-tester"
WORKFLOWS, AGENTS, EVENTS = "newcomer-cancellation", "newcomer-agents", "newcomer-events"
OLD, NEW = "1" * 40, "2" * 40
SECRET, TOKEN = "the newcomer's secret", "ghs_newcomer"
ARGO = "/apis/argoproj.io/v1alpha1/namespaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A person with a kubeconfig, a wheel and an empty folder."""

    folder: Path
    plane: ControlPlane
    tool: Tool
    client: Client

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command; it has to succeed."""
        ran = self.command(*arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command."""
        return self.tool.run(*arguments, folder=self.folder, env={"KUBECONFIG": str(self.plane.kubeconfig)})

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl."""
        command = [str(find().kubectl), "--kubeconfig", str(self.plane.kubeconfig), *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout

    def stored(self, namespace: str, plural: str, name: str) -> dict[str, Any]:
        """An Argo object as the API server has it."""
        return self.client.ask("GET", f"{ARGO}/{namespace}/{plural}/{name}")


@pytest.fixture
def newcomer(
    installation: Installation, tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Newcomer]:
    """Argo is installed, and the namespaces of agents and events are there, with an EventBus."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    client = installation.plane.client()
    person = Newcomer(folder=tmp_path / "empty", plane=installation.plane, tool=tool, client=client)
    for name in (AGENTS, EVENTS):
        person.kubectl("create", "namespace", name)
    # With several, `init` cannot know which one is meant. Earlier tests leave theirs.
    person.kubectl("delete", "eventbus", "--all", "--all-namespaces")
    bus = {"apiVersion": "argoproj.io/v1alpha1", "kind": "EventBus", "metadata": {"name": "default"}}
    client.ask("POST", f"{ARGO}/{EVENTS}/eventbus", bus | {"spec": {"jetstream": {"version": "2.10.10"}}})
    yield person
    for name in (WORKFLOWS, AGENTS, EVENTS):
        person.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
    client.close()


def start(client: Client, *, agent: str) -> str:
    """Start an agent and wait until it works; its name."""
    manifest = agent_run(task=42, agent=agent, repository=f"https://github.com/{REPOSITORY}", namespace=AGENTS)
    name: str = put_run(client, manifest)["metadata"]["name"]
    deadline = time.monotonic() + 20
    while client.ask("GET", runs_path(AGENTS, name)).get("status", {}).get("phase") != "Running":
        assert time.monotonic() < deadline, "the agent did not start"
        time.sleep(0.05)
    return name


def test_from_an_empty_folder_to_moved_labels(
    newcomer: Newcomer, bare_tool: Tool, github: tuple[github_double.GitHub, str], tmp_path: Path
) -> None:
    double, github_url = github
    double.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
    number = double.add_pull_request(
        repository=REPOSITORY, head=BRANCH, sha=OLD, labels=["ready-for-qa", "task-42"]
    ).number
    double.add_token(TOKEN)

    said = newcomer.run(
        *("init", "--repository", REPOSITORY, "--sender", f"{CODER}[bot]"),
        *("--image", "registry.example.com/agent-cancellation:0.1.0"),
        *("--workflows-namespace", WORKFLOWS, "--agents-namespace", AGENTS),
    ).stderr
    assert "reading the cluster of context" in said
    settings = newcomer.folder / "settings.toml"
    assert f'events = "{EVENTS}"' in settings.read_text(), "the namespace of the EventBus was found"
    settings.write_text(f'{settings.read_text()}\n[github]\napi_url = "{github_url}"\nhosts = ["github.com"]\n')

    newcomer.run("render")
    newcomer.run("render", "--check")
    newcomer.kubectl("create", "namespace", WORKFLOWS)
    assert newcomer.command("render", "--diff", "cluster").returncode == 1, "nothing is applied yet"
    newcomer.kubectl("apply", "-k", ".")
    assert newcomer.run("render", "--diff", "cluster").stdout == ""
    assert "unchanged" in newcomer.kubectl("apply", "-k", ".")

    template = newcomer.stored(WORKFLOWS, "workflowtemplates", names.TEMPLATE)
    source = EventSource.of(newcomer.stored(EVENTS, "eventsources", "github-eventsource"), event="org", secret=SECRET)
    created: list[dict[str, Any]] = []

    def create(workflow: dict[str, Any]) -> None:
        path, query = f"{ARGO}/{WORKFLOWS}/workflows", {"fieldValidation": "Strict"}
        created.append(newcomer.client.ask("POST", path, workflow, query=query))

    sensor = Sensor(newcomer.stored(EVENTS, "sensors", "implementation-agent-remediation"), create=create)
    with running(
        Controller(client=newcomer.client, namespace=AGENTS), Kubelet(client=newcomer.client, namespace=AGENTS)
    ):
        began = time.time()
        stale, exempt = start(newcomer.client, agent=TESTER), start(newcomer.client, agent=CODER)
        wait_out_doubt(began)
        double.push(BRANCH, NEW, repository=REPOSITORY)
        sensor.handle(source.receive(*webhook()))  # type: ignore[arg-type]

        account = newcomer.plane.service_account_kubeconfig(WORKFLOWS, names.STEPS_ACCOUNT, tmp_path / "kubeconfig")
        (tmp_path / "github").mkdir()
        (tmp_path / "github" / "token").write_text(TOKEN)
        argo = Argo(
            template=template,
            client=newcomer.client,
            environment={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"},
            mounts={"/var/run/secrets/agent-cancellation": tmp_path / "github"},
            monotonic=time.monotonic,
            account=ServiceAccount.mount(account, tmp_path / "account"),
            python=str(bare_tool.bin / "python"),
        )
        (workflow,) = created
        process = argo.attempt(workflow)

    assert process.exit_code == 0, process.output
    left = {run["metadata"]["name"] for run in newcomer.client.ask("GET", runs_path(AGENTS))["items"]}
    assert left == {exempt}, f"{stale} is gone"
    assert set(double.labels(number, repository=REPOSITORY)) == {"remediation-in-progress", "task-42"}
    shown = newcomer.run("status").stdout
    assert REPOSITORY in shown
    assert "completed" in shown


def webhook() -> tuple[dict[str, str], bytes]:
    """The signed delivery of the push."""
    return push_webhook(
        repository=REPOSITORY,
        ref=f"refs/heads/{BRANCH}",
        before=OLD,
        after=NEW,
        login=f"{CODER}[bot]",
        pushed_at=int(time.time()),
        secret=SECRET,
    )

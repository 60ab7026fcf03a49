"""A whole push as processes: the rendered commands and environments, the shipped accounts, a real API server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelines import names
from steps.cancellation.workflow import build_workflow as workflow_of_a_push
from steps.core.keys import RECORD
from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.lease.lease_object import lease_name
from tests.doubles import github as github_double
from tests.doubles.argo_workflows import Argo
from tests.doubles.platform.client import Client
from tests.doubles.platform.controller import Controller
from tests.doubles.platform.kubelet import Ending, Kubelet
from tests.doubles.platform.platform import put_run, runs_path
from tests.doubles.platform.running import running
from tests.doubles.platform.runs import CLEO, REX, TESS, agent_run
from tests.doubles.service_account import ServiceAccount
from tests.integration.control_plane.installation import Installation
from tests.support.doubt import wait_out_doubt

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(90, func_only=True)]

OLD, NEW = "a" * 40, "b" * 40
TOKEN = "ghs_control_plane"
_TASKS = iter(range(100, 1000))


@dataclass(slots=True, kw_only=True)
class Stage:
    """One task on the real API server."""

    installation: Installation
    github: github_double.GitHub
    kubelet: Kubelet
    client: Client
    argo: Argo
    task: int
    repository: str
    _started: float = field(default=0.0, init=False)

    @property
    def agents(self) -> str:
        """The agents' namespace."""
        return self.installation.settings.namespaces.agents[0]

    def agent(self, agent: str = TESS) -> str:
        """Start an agent and wait until it works; its name."""
        manifest = agent_run(
            task=self.task, agent=agent, repository=f"https://github.com/{self.repository}", namespace=self.agents
        )
        name: str = put_run(self.client, manifest)["metadata"]["name"]
        self._started = time.time()
        self.until(
            lambda: self.client.ask("GET", runs_path(self.agents, name)).get("status", {}).get("phase") == "Running"
        )
        return name

    def until(self, condition: Any) -> None:  # noqa: ANN401 - any callable
        """Wait for something to come true."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.05)

    def runs(self) -> set[str]:
        """Names of the task's runs."""
        query = {"labelSelector": f"task-id={self.task}"}
        return {run["metadata"]["name"] for run in self.client.ask("GET", runs_path(self.agents), query=query)["items"]}

    def deleting(self) -> bool:
        """Whether one of the task's runs is being deleted."""
        query = {"labelSelector": f"task-id={self.task}"}
        found = self.client.ask("GET", runs_path(self.agents), query=query)["items"]
        return any("deletionTimestamp" in run["metadata"] for run in found)

    def working_pods(self) -> list[str]:
        """Names of pods in the agents' namespace that have not ended, of this task's Jobs."""
        found = self.client.ask("GET", f"/api/v1/namespaces/{self.agents}/pods")["items"]
        return [
            pod["metadata"]["name"]
            for pod in found
            if f"task-{self.task}-" in pod["metadata"]["name"] and pod["status"]["phase"] in ("Pending", "Running")
        ]

    def push(self) -> None:
        """Push to the task's branch, once its agents are certainly older."""
        wait_out_doubt(self._started)
        self.github.push(f"task-{self.task}-work", NEW, repository=self.repository)

    def workflow(self, sha: str = NEW) -> dict[str, Any]:
        """Create the Workflow of a push to agents that are certainly older, as the Sensor does."""
        wait_out_doubt(self._started)
        values = {
            "repository": self.repository,
            "task-id": str(self.task),
            "ref": f"refs/heads/task-{self.task}-work",
            "sha": sha,
            "pushed-at": str(int(time.time())),
            "correlation-id": str(uuid.uuid4()),
        }
        manifest = workflow_of_a_push(values, settings=self.installation.settings)
        path = self.installation.path(manifest, collection=True)
        return self.client.ask("POST", path, manifest, query={"fieldValidation": "Strict"})

    def lease(self) -> dict[str, Any]:
        """The task's Lease."""
        name = lease_name(repository=Repository(self.repository), task=TaskId(str(self.task)))
        namespace = self.installation.settings.namespaces.workflows
        return self.client.ask("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")

    def record(self) -> dict[str, Any]:
        """The task's record, as it is written."""
        found: dict[str, Any] = json.loads(self.lease()["metadata"]["annotations"][RECORD])
        return found


@pytest.fixture
def stage(installation: Installation, github: tuple[github_double.GitHub, str], tmp_path: Path) -> Iterator[Stage]:
    """A task with its pull request, the platform at work, and the steps' account."""
    task, double = next(_TASKS), github[0]
    repository = f"5dlabs/task-{task}"
    double.add_repository(repository, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
    double.add_pull_request(
        repository=repository, head=f"task-{task}-work", sha=OLD, labels=["ready-for-qa", f"task-{task}"]
    )
    double.add_token(TOKEN)
    secrets = tmp_path / "github"
    secrets.mkdir()
    (secrets / "token").write_text(TOKEN)
    home = installation.settings.namespaces.workflows
    kubeconfig = installation.plane.service_account_kubeconfig(home, names.STEPS_ACCOUNT, tmp_path / "kubeconfig")
    client = installation.plane.client()
    agents = installation.settings.namespaces.agents[0]
    kubelet = Kubelet(client=client, namespace=agents)
    argo = Argo(
        template=installation.template(),
        client=client,
        environment={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"},
        mounts={installation.settings.github.credentials_dir: secrets},
        monotonic=time.monotonic,
        account=ServiceAccount.mount(kubeconfig, tmp_path / "account"),
    )
    with running(Controller(client=client, namespace=agents), kubelet):
        yield Stage(
            installation=installation,
            github=double,
            kubelet=kubelet,
            client=client,
            argo=argo,
            task=task,
            repository=repository,
        )
    client.close()


def labels(stage: Stage) -> set[str]:
    return set(stage.github.labels(1, repository=stage.repository)) - {f"task-{stage.task}"}


def test_one_push_from_workflow_to_labels(stage: Stage) -> None:
    state = {"status": "InProgress", "unknown": {"kept": True}}
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"task-{stage.task}-state"},
        "data": {"state.json": json.dumps(state)},
    }
    maps = f"/api/v1/namespaces/{stage.agents}/configmaps"
    stage.client.ask("POST", maps, config_map)
    stale, exempt = {stage.agent(TESS), stage.agent(CLEO)}, stage.agent(REX)
    stage.push()
    workflow = stage.workflow()

    process = stage.argo.attempt(workflow)

    assert process.exit_code == 0, process.output
    assert stage.runs() == {exempt}
    assert len(stage.working_pods()) == 1
    assert labels(stage) == {"remediation-in-progress"}
    record = stage.record()
    assert (record["phase"], record["labels"]) == ("completed", "moved")
    assert {agent["name"] for agent in record["agents"] if agent["outcome"] == "gone"} == stale
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    stored = json.loads(stage.client.ask("GET", f"{maps}/task-{stage.task}-state")["data"]["state.json"])
    assert stored["unknown"] == {"kept": True}
    assert stored["cancellation_in_progress"] is False
    lines = [json.loads(line) for line in process.output.splitlines()]
    assert all(line["correlation_id"] and line["task"] == str(stage.task) for line in lines)
    assert TOKEN not in process.output

    outputs = stage.argo.outputs
    assert (outputs["outcome"], float(outputs["stopped"]), float(outputs["github-answered"])) == ("completed", 2, 8)
    assert 0 <= float(outputs["gone-seconds"]) <= float(outputs["finished-seconds"])
    lease = stage.lease()["metadata"]
    for about, namespace, reasons in (
        (lease["uid"], lease["namespace"], {"Cancelling", "CancellationCompleted"}),
        *(
            (agent["uid"], stage.agents, {"CancelledByPush"})
            for agent in record["agents"]
            if agent["outcome"] == "gone"
        ),
    ):
        query = {"fieldSelector": f"involvedObject.uid={about}"}
        events = stage.client.ask("GET", f"/api/v1/namespaces/{namespace}/events", query=query)["items"]
        assert {event["reason"] for event in events} == reasons

    again = stage.argo.attempt(workflow)
    assert again.exit_code == 0, again.output
    assert stage.record() == record
    assert stage.argo.outputs["outcome"] == "superseded"


def test_an_agent_that_ignores_sigterm_is_forced(stage: Stage) -> None:
    stage.kubelet.ending = Ending.DEAD_NODE
    name = stage.agent()
    process = stage.argo.attempt(stage.workflow())
    assert process.exit_code == 0, process.output
    assert stage.runs() == set()
    assert stage.working_pods() == []
    assert {agent["name"]: agent["outcome"] for agent in stage.record()["agents"]} == {name: "gone"}


def test_bad_parameters_end_with_65_and_write_nothing(stage: Stage) -> None:
    workflow = stage.workflow()
    for parameter in workflow["spec"]["arguments"]["parameters"]:
        if parameter["name"] == "task-id":
            parameter["value"] = "$(id)"
    process = stage.argo.attempt(workflow)
    assert process.exit_code == 65
    assert "task-id" in process.output
    hook = stage.argo.exit_hook(workflow)
    assert hook.exit_code == 65


def test_a_role_that_is_missing_ends_with_77_and_says_so(stage: Stage, tmp_path: Path) -> None:
    plane, home = stage.installation.plane, stage.installation.settings.namespaces.workflows
    kubeconfig = plane.service_account_kubeconfig(home, "default", tmp_path / "default")
    stage.argo.account = ServiceAccount.mount(kubeconfig, tmp_path / "default-account")
    process = stage.argo.attempt(stage.workflow())
    assert process.exit_code == 77
    assert "give the service account the rendered Role" in process.output


def test_a_pod_that_is_killed_while_it_waits_is_finished_by_the_next_attempt(stage: Stage) -> None:
    stage.kubelet.ending, stage.kubelet.exit_after_s = Ending.AFTER, 6.0
    stage.agent()
    stage.push()
    workflow = stage.workflow()
    with stage.argo.started(workflow) as killed:
        stage.until(stage.deleting)
        killed.kill()
        killed.wait()
    assert stage.record()["phase"] == "in_progress"
    process = stage.argo.attempt(workflow)
    assert process.exit_code == 0, process.output
    assert (stage.record()["phase"], stage.record()["attempts"]) == ("completed", 2)
    assert labels(stage) == {"remediation-in-progress"}


def test_sigterm_leaves_a_failed_record_and_a_free_lease(stage: Stage) -> None:
    stage.kubelet.ending, stage.kubelet.exit_after_s = Ending.AFTER, 7.0
    stage.agent()
    workflow = stage.workflow()
    with stage.argo.started(workflow) as process:
        stage.until(stage.deleting)
        process.send_signal(signal.SIGTERM)
        try:
            output = process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            output = process.communicate()
    assert process.returncode == 75, output
    assert stage.record()["phase"] == "failed"
    assert stage.lease()["spec"].get("holderIdentity", "") == ""


def test_the_exit_hook_records_what_a_lost_pod_could_not(stage: Stage) -> None:
    stage.kubelet.ending, stage.kubelet.exit_after_s = Ending.AFTER, 7.0
    stage.agent()
    workflow = stage.workflow()
    with stage.argo.started(workflow) as process:
        stage.until(stage.deleting)
        process.kill()
        process.wait()
    hook = stage.argo.exit_hook(workflow)
    assert hook.exit_code == 0, hook.output
    record = stage.record()
    assert record["phase"] == "failed"
    assert "ended without a reason" in record["errors"][-1]
    assert stage.lease()["spec"].get("holderIdentity", "") == ""

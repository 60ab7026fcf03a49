"""A cluster and a GitHub to measure against, with the project installed; and tasks in it, each with its pull request.

Guarantees: each task is new, in a repository of its own, so that no measurement meets what an earlier one left.
"""

from __future__ import annotations

import itertools
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from steps.cancellation.workflow import build_workflow
from tests.doubles import github as github_double
from tests.doubles.argo_workflows import Argo
from tests.doubles.platform.platform import put_run, runs_path
from tests.doubles.platform.runs import agent_run
from tests.support.doubt import wait_out_doubt
from tests.tools.bench.measured import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.settings import Settings
    from tests.doubles.platform.client import Client
    from tests.doubles.service_account import ServiceAccount

Json = dict[str, Any]

ROOT = Path(__file__).parents[3]
OLD, NEW = "a" * 40, "b" * 40
TOKEN = "ghs_bench"
APP_ID, INSTALLATION_ID, KEY_BITS = "17", 71, 2048
READY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where steps are measured.

    Attributes:
        client: The API server, as an administrator.
        kubeconfig: The API server, as the steps' own service account where there are accounts.
        account: The same, as a pod finds it.
        secrets: Folders that stand for the mounted Secret, by kind of credential: token, app.
    """

    settings: Settings
    client: Client
    github: github_double.GitHub
    github_url: str
    template: Json
    kubeconfig: Path
    account: ServiceAccount
    administrator: Path
    secrets: dict[str, Path]
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(100))

    def argo(
        self, *, credentials: str = "token", kind: type[Argo] = Argo, monotonic: Callable[[], float] = time.monotonic
    ) -> Argo:
        """Argo, which runs the rendered containers as processes here; meant for one pod, whose volume is new."""
        settings = self.settings.github
        mounts = {settings.credentials_dir: self.secrets[credentials]}
        return kind(
            template=self.template,
            client=self.client,
            environment={"PATH": os.environ["PATH"]},
            mounts=mounts,
            monotonic=monotonic,
            account=self.account,
        )

    def task(self) -> Task:
        """A new task, whose pull request has just got a push."""
        task = Task(world=self, number=next(self._numbers))
        labels = self.settings.labels
        self.github.add_repository(task.repository, labels=[labels.add, labels.remove, labels.skip])
        self.github.add_pull_request(
            repository=task.repository, head=task.branch, sha=OLD, labels=[labels.remove, f"task-{task.number}"]
        )
        self.github.push(task.branch, NEW, repository=task.repository)
        state = {"status": "InProgress", "iteration": 2, "cancellation_in_progress": False}
        metadata = {"name": self.settings.state.config_map.format(task=task.number)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        body |= {"data": {self.settings.state.key: json.dumps(state)}}
        self.client.ask("POST", f"/api/v1/namespaces/{self.settings.namespaces.agents[0]}/configmaps", body)
        return task


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of the platform."""

    world: World
    number: int

    @property
    def repository(self) -> str:
        """The task's own repository."""
        return f"5dlabs/task-{self.number}"

    @property
    def branch(self) -> str:
        """The task's branch."""
        return f"task-{self.number}-work"

    @property
    def selector(self) -> dict[str, str]:
        """The query that finds the task's runs, and their pods."""
        return {"labelSelector": f"task-id={self.number}"}

    def workflow(self) -> Json:
        """Create the Workflow of the push, as the Sensor does."""
        values = {
            "repository": self.repository,
            "task-id": str(self.number),
            "ref": f"refs/heads/{self.branch}",
            "sha": NEW,
            "pushed-at": str(int(time.time())),
            "correlation-id": str(uuid.uuid4()),
        }
        manifest = build_workflow(values, settings=self.world.settings)
        namespace = self.world.settings.namespaces.workflows
        return self.world.client.ask("POST", f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/workflows", manifest)

    def start_agents(self, count: int) -> None:
        """Start agents and wait until all of them work, and are certainly older than a push."""
        namespace = self.world.settings.namespaces.agents[0]
        url = f"https://github.com/{self.repository}"
        for _ in range(count):
            put_run(self.world.client, agent_run(task=self.number, repository=url, namespace=namespace))
        started = time.time()
        deadline = time.monotonic() + READY_S
        while self.phases() != ["Running"] * count:
            if time.monotonic() > deadline:
                raise BenchError(f"agents of task {self.number} did not start: {self.phases()}")
            time.sleep(0.05)
        wait_out_doubt(started)

    def phases(self) -> list[str]:
        """In which phases the task's runs are."""
        path = runs_path(self.world.settings.namespaces.agents[0])
        found = self.world.client.ask("GET", path, query=self.selector)["items"]
        return [run.get("status", {}).get("phase", "") for run in found]


def add_credentials(github: github_double.GitHub, folder: Path) -> dict[str, Path]:
    """Make GitHub accept a token and an App; folders with either, as the Secret is mounted."""
    github.add_token(TOKEN)
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    encodings = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(*encodings).decode()
    github.add_app(app_id=APP_ID, installation_id=INSTALLATION_ID, public_key=public)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    secrets = {"token": folder / "token", "app": folder / "app"}
    for each in secrets.values():
        each.mkdir(parents=True)
    (secrets["token"] / "token").write_text(TOKEN)
    (secrets["app"] / "app-id").write_text(APP_ID)
    (secrets["app"] / "installation-id").write_text(str(INSTALLATION_ID))
    (secrets["app"] / "private-key.pem").write_bytes(private)
    return secrets

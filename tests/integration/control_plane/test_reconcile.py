"""Reconcile as a process: the rendered command and environment, its own account, a real API server."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import names
from steps.cancellation.state_update import STATE_EPOCH
from steps.cancellation.workflow import REPAIR_LABEL, TEMPLATE, WORKFLOW_COMPLETED_LABEL
from steps.core.keys import PHASE, RECORD, REPOSITORY, TASK
from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.lease.lease_object import lease_name
from steps.observed_state.repair_attempts import ATTEMPTS_ANNOTATION, ATTENTION_LABEL
from tests.doubles import github as github_double
from tests.doubles.argo_workflows import Argo, Process
from tests.doubles.platform.client import MERGE_PATCH, Client
from tests.doubles.service_account import ServiceAccount
from tests.integration.control_plane.installation import Installation

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(90, func_only=True)]

OWN = "5dlabs/reconciled"
NEW = "b" * 40
TOKEN = "ghs_reconcile"
_TASKS = iter(range(5000, 6000))


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """Reconcile, and the objects that it reads."""

    installation: Installation
    client: Client
    argo: Argo

    @property
    def home(self) -> str:
        """The workflows' namespace."""
        return self.installation.settings.namespaces.workflows

    def leases(self, name: str = "") -> str:
        """Path of the Leases, or of one."""
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.home}/leases" + (f"/{name}" if name else "")

    def states(self, task: int) -> str:
        """Path of a task's state ConfigMap."""
        return f"/api/v1/namespaces/{self.installation.settings.namespaces.agents[0]}/configmaps/task-{task}-state"

    def put_lease(
        self, *, phase: str, task: int | None = None, idle_s: float = 600, text: str = "", holder: str = ""
    ) -> int:
        """A task's Lease as a push has left it; the task."""
        task = task or next(_TASKS)
        moment = datetime.now(UTC) - timedelta(seconds=idle_s)
        stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        push = {
            "repository": OWN,
            "task": str(task),
            "ref": f"refs/heads/task-{task}-work",
            "sha": NEW,
            "pushed_at": stamp,
            "correlation_id": "d",
            "reason": "push",
            "dry_run": False,
            "requested_by": "x",
        }
        record = {
            "version": 1,
            "push": push,
            "watermark": stamp,
            "phase": phase,
            "attempts": 1,
            "workflow": "w",
            "workflow_uid": "u",
            "started_at": stamp,
            "labels": "moved",
        }
        metadata = {
            "name": lease_name(repository=Repository(OWN), task=TaskId(str(task))),
            "labels": {"app.kubernetes.io/managed-by": "agent-cancellation", TASK: str(task), PHASE: phase},
            "annotations": {RECORD: text or json.dumps(record)},
        }
        spec = {
            "holderIdentity": holder,
            "leaseTransitions": 4,
            "leaseDurationSeconds": 30,
            "renewTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        self.client.ask("POST", self.leases(), body)
        return task

    def put_state(self, task: int, text: str) -> None:
        """A task's state document."""
        path = self.states(task)
        metadata = {"name": path.rpartition("/")[2], "annotations": {STATE_EPOCH: "4"}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state.json": text}}
        self.client.ask("POST", path.rpartition("/")[0], body)

    def lease(self, task: int) -> dict[str, Any]:
        """A task's Lease."""
        return self.client.ask("GET", self.leases(lease_name(repository=Repository(OWN), task=TaskId(str(task)))))

    def repairs(self, task: int) -> list[dict[str, Any]]:
        """The repairs that were submitted for a task."""
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{self.home}/workflows"
        query = {"labelSelector": f"{REPAIR_LABEL}=true,{TASK}={task}"}
        found: list[dict[str, Any]] = self.client.ask("GET", path, query=query)["items"]
        return found

    def run_once(self) -> Process:
        """One pass, in a pod of its own, as the schedule starts it."""
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{self.home}/workflows"
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"generateName": f"{names.RECONCILE}-"},
            "spec": {"workflowTemplateRef": {"name": names.RECONCILE}},
        }
        process = self.argo.attempt(self.client.ask("POST", path, body))
        assert process.exit_code == 0, process.output
        return process


@pytest.fixture
def reconciler(
    installation: Installation, github: tuple[github_double.GitHub, str], tmp_path: Path
) -> Iterator[Reconciler]:
    """Reconcile with its own account and credentials."""
    github[0].add_token(TOKEN)
    secrets = tmp_path / "github"
    secrets.mkdir()
    (secrets / "token").write_text(TOKEN)
    home = installation.settings.namespaces.workflows
    kubeconfig = installation.plane.service_account_kubeconfig(home, names.RECONCILE, tmp_path / "kubeconfig")
    client = installation.plane.client()
    argo = Argo(
        template=installation.template(names.RECONCILE),
        client=client,
        environment={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"},
        mounts={installation.settings.github.credentials_dir: secrets},
        monotonic=time.monotonic,
        account=ServiceAccount.mount(kubeconfig, tmp_path / "account"),
    )
    found = Reconciler(installation=installation, client=client, argo=argo)
    yield found
    for repair in client.ask("GET", f"/apis/argoproj.io/v1alpha1/namespaces/{home}/workflows")["items"]:
        # As Argo would: what has ended leaves room for others.
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{home}/workflows/{repair['metadata']['name']}"
        client.ask(
            "PATCH", path, {"metadata": {"labels": {WORKFLOW_COMPLETED_LABEL: "true"}}}, content_type=MERGE_PATCH
        )
    client.close()


def test_an_unfinished_record_gets_one_workflow_however_many_passes_find_it(reconciler: Reconciler) -> None:
    stuck, failed = reconciler.put_lease(phase="in_progress"), reconciler.put_lease(phase="failed")
    processes = [reconciler.run_once(), reconciler.run_once()]
    for task in (stuck, failed):
        (repair,) = reconciler.repairs(task)
        assert repair["spec"]["workflowTemplateRef"] == {"name": TEMPLATE}
        assert repair["metadata"]["labels"][REPOSITORY] == "5dlabs.reconciled"
        assert json.loads(reconciler.lease(task)["metadata"]["annotations"][ATTEMPTS_ANNOTATION])["count"] == 1
    lines = [json.loads(line) for process in processes for line in process.output.splitlines()]
    assert [line["finding"] for line in lines if line.get("task") == str(stuck) and line["event"] == "finding"] == [
        "stuck"
    ]
    assert TOKEN not in "".join(process.output for process in processes)
    outputs = {name: float(value) for name, value in reconciler.argo.outputs.items()}
    assert min(outputs.values()) >= 0, "each pass measures everything"
    assert outputs["tasks"] >= 2
    assert outputs["passed-at"] == pytest.approx(time.time(), abs=60)


def test_a_lock_is_freed_and_a_flag_cleared(reconciler: Reconciler) -> None:
    orphaned = reconciler.put_lease(phase="completed", holder="w/uid/gone")
    stray = reconciler.put_lease(phase="completed")
    reconciler.put_state(stray, json.dumps({"cancellation_in_progress": True, "kept": 1}))
    reconciler.run_once()
    assert reconciler.lease(orphaned)["spec"].get("holderIdentity", "") == ""
    assert reconciler.lease(stray)["spec"].get("holderIdentity", "") == ""
    document = json.loads(reconciler.client.ask("GET", reconciler.states(stray))["data"]["state.json"])
    assert (document["cancellation_in_progress"], document["kept"]) == (False, 1)


def test_a_person_is_called_by_an_event_that_the_api_server_accepts(reconciler: Reconciler) -> None:
    task = reconciler.put_lease(phase="completed", text="{unreadable")
    reconciler.run_once()
    reconciler.run_once()
    lease = reconciler.lease(task)
    assert lease["metadata"]["labels"][ATTENTION_LABEL] == "true"
    query = {"fieldSelector": f"involvedObject.uid={lease['metadata']['uid']},reason=NeedsAttention"}
    (event,) = reconciler.client.ask("GET", f"/api/v1/namespaces/{reconciler.home}/events", query=query)["items"]
    assert event["type"] == "Warning"
    assert "delete its annotation" in event["message"]


def test_an_idle_lease_is_deleted_by_its_uid_and_version_and_its_epoch_is_forgotten(reconciler: Reconciler) -> None:
    idle = reconciler.put_lease(phase="completed", idle_s=31 * 86400)
    reconciler.put_state(idle, "{}")
    recent = reconciler.put_lease(phase="completed", idle_s=29 * 86400)
    reconciler.run_once()
    name = lease_name(repository=Repository(OWN), task=TaskId(str(idle)))
    assert reconciler.client.request("GET", reconciler.leases(name)).status == 404
    assert reconciler.lease(recent)["metadata"]["name"]
    assert STATE_EPOCH not in reconciler.client.ask("GET", reconciler.states(idle))["metadata"].get("annotations", {})


def test_the_schedule_is_one_that_argos_own_definition_accepts(reconciler: Reconciler) -> None:
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{reconciler.home}/cronworkflows/{names.RECONCILE}"
    spec = reconciler.client.ask("GET", path)["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["workflowSpec"] == {"workflowTemplateRef": {"name": names.RECONCILE}}

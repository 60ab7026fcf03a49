"""Several kinds of agents at once: CodeRuns, and Jobs and Argo Workflows by the tables that the documentation shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import read_settings
from steps.domain.agent import RunOutcome
from steps.settings.agent_kinds import RunKind
from tests.doubles.platform.client import JsonObject
from tests.doubles.platform.controller import job_name
from tests.doubles.platform.runs import REX, TESS
from tests.e2e.provision.cluster import up
from tests.e2e.provision.starting import apply
from tests.e2e.support.agent_reports import AGENT
from tests.e2e.support.installation import install, settings_for
from tests.e2e.support.moments import next_second, submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import Stage
from tests.e2e.support.task import REPOSITORY
from tests.support.documented_kinds import JOB, TABLES, WORKFLOW

pytestmark = [
    pytest.mark.own_cluster,
    pytest.mark.timeout(400, func_only=True),
    # Nothing restricts what Workflows agents bring.
    pytest.mark.argo(fast=True, referencing="none", everywhere=True),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Agents of a kind, in real pods."""

    stage: Stage
    kind: RunKind

    def path(self, name: str = "") -> str:
        """Where they are."""
        plural = f"/apis/{self.kind.group}/{self.kind.version}/namespaces/{self.stage.agents}/{self.kind.plural}"
        return f"{plural}/{name}" if name else plural

    def start(self, name: str, agent: str = TESS) -> str:
        """Start one, and wait until its pod works; its name."""
        full = f"{name}-{self.stage.task}"
        labels = {"task-id": str(self.stage.task), "agent": agent, "kind-of-work": "agent"}
        body = {
            "apiVersion": f"{self.kind.group}/{self.kind.version}",
            "metadata": {"name": full, "labels": labels, "annotations": {"repository": REPOSITORY}},
            **self._body(f"{self.kind.plural}-{full}"),
        }
        self.stage.client.ask("POST", self.path(), body)
        self.stage.until(lambda: self.heard("working", full), what=f"{full} works")
        return full

    def heard(self, what: str, name: str) -> bool:
        """Whether the pod of one has said something."""
        return self.stage.agent_reports.when(what, f"{self.kind.plural}-{name}") is not None

    def left(self) -> dict[str, str]:
        """Phases of those that are there and not being deleted, by name."""
        query = {"labelSelector": f"kind-of-work=agent,task-id={self.stage.task}"}
        found = self.stage.client.ask("GET", self.path(), query=query)["items"]
        there = [each for each in found if "deletionTimestamp" not in each["metadata"]]
        return {each["metadata"]["name"]: each.get("status", {}).get("phase", "") for each in there}

    def _body(self, says: str) -> JsonObject:
        agent_reports = self.stage.agent_reports
        arguments = [says, agent_reports.host, str(agent_reports.port), "0", "86400"]
        container: dict[str, Any] = {"name": "main", "image": self.stage.cluster.agent_image}
        container |= {"imagePullPolicy": "IfNotPresent", "command": ["python3", "-c", AGENT, *arguments]}
        if self.kind is JOB:
            pod = {"restartPolicy": "Never", "containers": [container]}
            return {"kind": "Job", "spec": {"template": {"spec": pod}}}
        templates = [{"name": "main", "container": container}]
        return {"kind": "Workflow", "spec": {"entrypoint": "main", "templates": templates}}


@pytest.fixture
def fleets(stage: Stage, tmp_path: Path) -> Iterator[tuple[Fleet, Fleet]]:
    """Agents of both kinds may be started, and the project knows of them, until the test has ended."""
    cluster = stage.cluster
    settings_for(cluster.host, cluster.image, folder=tmp_path)
    path = tmp_path / "settings.toml"
    path.write_text("\n".join([path.read_text(), TABLES["job"], TABLES["argo-workflow"]]))
    apply(cluster.kubectl, _executor(stage.agents))
    install(cluster.kubectl, read_settings(path), folder=tmp_path / "rendered")
    made = Fleet(stage=stage, kind=JOB), Fleet(stage=stage, kind=WORKFLOW)
    yield made
    for fleet in made:
        for name in fleet.left():
            stage.client.ask("DELETE", fleet.path(name), {"propagationPolicy": "Background"})
    up(None)


def test_jobs_and_argo_workflows_are_stopped_beside_code_runs(stage: Stage, fleets: tuple[Fleet, Fleet]) -> None:
    jobs, workflows = fleets
    run = stage.agent()
    for fleet in fleets:
        fleet.start("stale")
        fleet.start("exempt", REX)
    next_second()
    name = submitted(stage, stage.push())
    next_second()
    next_second()
    for fleet in fleets:
        fleet.start("newer")
    stage.reaches(name, "Succeeded")

    record = settled(stage)
    stale, exempt, newer = (f"{name}-{stage.task}" for name in ("stale", "exempt", "newer"))
    assert stage.agent_reports.when("SIGTERM", job_name(run)) is not None
    assert [fleet.heard("SIGTERM", stale) for fleet in fleets] == [True, True]
    assert not any(fleet.heard("SIGTERM", each) for fleet in fleets for each in (exempt, newer))
    assert set(jobs.left()) == {exempt, newer}, "a Job is deleted"
    assert workflows.left() == {stale: "Failed", exempt: "Running", newer: "Running"}, "a Workflow stays, stopped"
    outcomes = {(agent["kind"], agent["name"]): agent["outcome"] for agent in record["agents"]}
    assert outcomes["jobs", stale] == RunOutcome.GONE
    assert outcomes["workflows", stale] == RunOutcome.FINISHED
    assert {outcomes[fleet.kind.plural, exempt] for fleet in fleets} == {RunOutcome.KEPT}
    # The newer ones may have come after the step had listed the runs.
    assert {outcomes.get((fleet.kind.plural, newer), RunOutcome.KEPT) for fleet in fleets} == {RunOutcome.KEPT}


def _executor(namespace: str) -> list[JsonObject]:
    """What pods of Argo Workflows may do, as Argo's documentation has it."""
    metadata, group = {"name": "executor", "namespace": namespace}, "rbac.authorization.k8s.io"
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}]
    reference = {"apiGroup": group, "kind": "Role", "name": "executor"}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    version = f"{group}/v1"
    return [
        {"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": subjects,
        },
    ]

"""The manifests as GitOps applies them: again, in another version while pushes are on their way, removed, and anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pipelines.settings import Settings
from steps.cancellation.workflow import SUPERSEDED_BY
from tests.e2e.provision.cluster import Cluster, up
from tests.e2e.support.argo_client import ArgoRefusedError, person
from tests.e2e.support.installation import MANAGED_BY, install, settings_for
from tests.e2e.support.moments import in_cancel, next_second, submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import Stage

pytestmark = pytest.mark.timeout(400, func_only=True)


def manifests(cluster: Cluster) -> str:
    """The folder that is applied."""
    return str(cluster.folder / "rendered")


def versions(cluster: Cluster) -> dict[str, str]:
    """The resourceVersion of every object that is applied."""
    found = json.loads(cluster.kubectl("get", "-k", manifests(cluster), "--output=json"))["items"]
    return {f"{each['kind']} {each['metadata']['name']}": each["metadata"]["resourceVersion"] for each in found}


@pytest.fixture
def restored() -> Iterator[None]:
    """Whatever a test installs or removes, the cluster is as it was afterwards."""
    yield
    up(None)


def another_version(cluster: Cluster, folder: Path) -> Settings:
    """Settings that change the WorkflowTemplate, the steps' environment and the Sensor."""
    changes = {"retries = 3 ": "retries = 4 ", "retries = 5 ": "retries = 4 ", "tolerance_s = 30": "tolerance_s = 31"}
    return settings_for(cluster.host, cluster.image, folder=folder, changes=changes)


def test_what_is_applied_again_changes_nothing(cluster: Cluster) -> None:
    before = versions(cluster)
    output = cluster.kubectl("apply", "-k", manifests(cluster)).splitlines()
    assert output
    assert [line for line in output if not line.endswith(" unchanged")] == []
    assert versions(cluster) == before
    assert cluster.kubectl("diff", "-k", manifests(cluster)) == ""


@pytest.mark.argo(referencing="Strict")
def test_an_upgrade_loses_no_push_in_flight(stage: Stage, restored: None, tmp_path: Path) -> None:
    del restored
    cluster = stage.cluster
    running = in_cancel(stage)
    next_second()
    waiting = submitted(stage, stage.push(2))
    install(cluster.kubectl, another_version(cluster, tmp_path), folder=tmp_path / "rendered")
    next_second()
    # The Sensor is being replaced now.
    coming = submitted(stage, stage.push(3))
    stage.all_ended(deadline_s=200)
    phases = {each["metadata"]["name"]: phase_of(each) for each in stage.workflows()}
    assert (phases[running], phases[coming]) == ("Succeeded", "Succeeded")
    assert phases[waiting] in {"Succeeded", f"superseded by {coming}"}
    settled(stage, number=3)


def phase_of(workflow: dict[str, Any]) -> str:
    """A Workflow's phase, and whether it was ended because another one had answered it."""
    by = workflow["metadata"]["labels"].get(SUPERSEDED_BY)
    return f"superseded by {by}" if by else str(workflow["status"]["phase"])


@pytest.mark.argo(referencing="Secure")
def test_in_secure_mode_an_upgrade_blocks_workflows_in_flight_until_they_are_terminated(
    stage: Stage, restored: None, tmp_path: Path
) -> None:
    """Argo ignores a Workflow whose template has changed, and leaves it its lock. Hence `Strict`."""
    del restored
    cluster = stage.cluster
    running = in_cancel(stage)
    next_second()
    waiting = submitted(stage, stage.push(2))
    install(cluster.kubectl, another_version(cluster, tmp_path), folder=tmp_path / "rendered")
    stage.until(lambda: stage.record()["phase"] == "completed", what="the pod, which knows nothing of it, is done")
    argo = person(cluster)
    argo.run("terminate", running)

    def ended() -> bool:
        """Whether nothing is left; whatever has begun by its template as it was is terminated as well."""
        left = {stage.phase_of(name): name for name in (running, waiting)}
        with suppress(ArgoRefusedError):  # it has ended since
            argo.run("terminate", left.get("Running", running))
        return set(left) <= {"Failed", "Error"}

    stage.until(ended, what="both have ended", deadline_s=240)
    next_second()
    last = submitted(stage, stage.push(3))
    stage.reaches(last, "Succeeded")
    settled(stage, number=3)


def test_removal_leaves_only_the_records_and_a_new_installation_continues_from_them(
    new_stage: Callable[[], Stage], restored: None
) -> None:
    """Leases and Workflows stay: they say what was done, and a deleted Lease would start its epochs anew."""
    del restored
    stage = new_stage()
    cluster = stage.cluster
    push = stage.push()
    assert stage.deliver(push) == 200
    stage.finished(push)
    epoch = stage.lease()["spec"]["leaseTransitions"]

    cluster.kubectl("delete", "-k", manifests(cluster))
    stage.until(lambda: remains(cluster) <= {"Lease", "Workflow", "Pod", "WorkflowTaskResult"}, what="all is gone")
    kept = cluster.kubectl("get", "namespaces", "--output=name").split()
    spaces = cluster.settings.namespaces
    assert {f"namespace/{name}" for name in (spaces.workflows, spaces.agents[0], spaces.events)} <= set(kept)

    stage.url = up(None).webhook
    stage.agent()
    next_second()
    again = submitted(stage, stage.push(2))
    stage.reaches(again, "Succeeded")
    settled(stage, number=2)
    assert stage.lease()["spec"]["leaseTransitions"] == epoch + 1


def remains(cluster: Cluster) -> set[str]:
    """Kinds of this project's objects that are there, in any namespace."""
    kinds = cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    found = cluster.kubectl("get", ",".join(kinds), "-A", f"--selector={MANAGED_BY}", "--output=json")
    items = json.loads(found)["items"]
    pods = [each for each in items if each["kind"] == "Pod"]
    assert all("workflows.argoproj.io/workflow" in each["metadata"]["labels"] for each in pods)
    return {each["kind"] for each in items}

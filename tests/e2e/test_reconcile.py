"""Reconcile finishes what no retry and no push would, from a Workflow of its own.

The schedule is suspended in this tier, so that it does not finish what other tests have interrupted on purpose; a pass
is made as a person makes one, with `argo submit --from`. That the schedule itself runs is a test of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pipelines import names
from steps.cancellation.workflow import REPAIR_LABEL
from steps.core.keys import RECORD
from tests.doubles.platform.controller import job_name
from tests.e2e.provision.cluster import Cluster
from tests.e2e.support.argo_client import ArgoClient, person
from tests.e2e.support.installation import scheduled
from tests.e2e.support.moments import in_cancel, next_second
from tests.e2e.support.outcome import settled
from tests.e2e.support.passes import begin_passes
from tests.e2e.support.stage import Stage
from tests.e2e.support.surroundings import Surroundings
from tests.e2e.support.task import FINISHED

pytestmark = pytest.mark.timeout(420, func_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A push whose webhook never came, and the agents of its task."""

    stage: Stage
    stale: dict[str, Any]
    newer: dict[str, Any]


@pytest.fixture
def argo(cluster: Cluster) -> ArgoClient:
    """Argo, as a person uses it."""
    return person(cluster)


@pytest.fixture(scope="module", autouse=True)
def lost(around: Surroundings) -> Iterator[Lost]:
    """Staged before all other tests: only after two minutes the push counts as lost."""
    stage = around.stage()
    stale = stage.agent()
    next_second()
    stage.push()
    next_second()
    yield Lost(stage=stage, stale=stale, newer=stage.agent())
    around.clear(stage)


def until_repaired(stage: Stage, argo: ArgoClient, *, repaired: Callable[[], bool], pods: int) -> None:
    """Make passes until it is repaired, and the repair has ended."""
    for _ in range(pods):
        name = begin_passes(stage, argo)
        stage.until(lambda name=name: repaired() or stage.phase_of(name) in FINISHED, what="passes", deadline_s=120)  # type: ignore[misc]
        # A pass may end before the push counts as lost. Then there is no Workflow yet.
        if stage.workflows():
            stage.all_ended(deadline_s=150)
        if repaired():
            return
    raise AssertionError(f"not repaired after {pods} pods; the last said: {argo.run('logs', name)[-3000:]}")


def is_completed(stage: Stage) -> bool:
    """Whether the task's record says so, if there is one."""
    return RECORD in stage.annotations() and stage.record()["phase"] == "completed"


@pytest.mark.parametrize("how", ["terminate", "delete"])
def test_what_a_workflow_without_an_exit_hook_left_is_finished_without_a_further_push(
    stage: Stage, argo: ArgoClient, how: str
) -> None:
    name = in_cancel(stage)
    argo.run(how, name)
    stage.reaches(name, "Failed", "")
    stage.until(
        lambda: stage.record()["phase"] == "failed", what="its pod got SIGTERM and recorded that", deadline_s=60
    )
    until_repaired(stage, argo, repaired=lambda: is_completed(stage), pods=4)
    settled(stage)


def test_a_corrupt_state_document_is_copied_aside_and_reported(stage: Stage, argo: ArgoClient) -> None:
    path = f"/api/v1/namespaces/{stage.agents}/configmaps/task-{stage.task}-state"
    broken = {"data": {"state.json": "{half a docu"}}
    stage.client.ask("PATCH", path, broken, content_type="application/merge-patch+json")
    name = begin_passes(stage, argo)
    aside = {"state.json": "{half a docu", "state.json.quarantine": "{half a docu"}
    stage.until(lambda: stage.client.ask("GET", path)["data"] == aside, what="a copy stands beside it")
    stage.until(lambda: "corrupt-state" in argo.run("logs", name, "--no-color"), what="it is said")
    stage.client.request("DELETE", path)


def test_the_schedule_itself_makes_a_pass_each_minute(stage: Stage) -> None:
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{stage.home}/workflows"
    query = {"labelSelector": f"workflows.argoproj.io/cron-workflow={names.RECONCILE}"}

    def passes() -> set[str]:
        found = stage.client.ask("GET", path, query=query)["items"]
        done = [each for each in found if each.get("status", {}).get("phase") == "Succeeded"]
        return {each["metadata"]["name"] for each in done}

    before = passes()
    with scheduled(stage.cluster.kubectl, stage.cluster.settings):
        stage.until(lambda: bool(passes() - before), what="a scheduled pass has succeeded", deadline_s=240)


def test_a_push_whose_webhook_never_came_is_processed(lost: Lost, argo: ArgoClient) -> None:
    """GitHub knows of the push: an agent that was at work before it is stopped, one that came after it is not."""
    stage = lost.stage
    until_repaired(stage, argo, repaired=lambda: is_completed(stage), pods=6)
    settled(stage, left=[lost.newer["metadata"]["name"]])
    assert stage.agent_reports.when("SIGTERM", job_name(lost.stale)) is not None
    assert stage.agent_reports.when("SIGTERM", job_name(lost.newer)) is None
    assert [each["metadata"]["labels"].get(REPAIR_LABEL) for each in stage.workflows()] == ["true"]

"""Workflows that a person stops, terminates or deletes, while they run and while they wait.

The next push finishes what they left. Without a further push, reconcile does: tests of it are where it is.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelines import names
from tests.e2e.provision.argo_release import argo_release
from tests.e2e.provision.cluster import Cluster
from tests.e2e.support.argo_client import ArgoClient, person
from tests.e2e.support.moments import all_in_cancel, in_cancel, submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import Stage

pytestmark = pytest.mark.timeout(300, func_only=True)


HOW = ("stop", "terminate", "delete")


@pytest.fixture
def argo(cluster: Cluster) -> ArgoClient:
    """Argo, as a person uses it."""
    return person(cluster)


@pytest.fixture
def stages(new_stage: Callable[[], Stage]) -> dict[str, Stage]:
    """A task for each way of ending a Workflow."""
    return {how: new_stage() for how in HOW}


def the_next_pushes_finish_it(stages: dict[str, Stage], *, number: int) -> None:
    """Push once more to each; everything is as it should be then."""
    later = {how: stage.push(number) for how, stage in stages.items()}
    for how, stage in stages.items():
        stage.deliver(later[how])
    for how, stage in stages.items():
        assert stage.finished(later[how], deadline_s=150)["status"]["phase"] == "Succeeded", how
        settled(stage, number=number)


def ended(stages: dict[str, Stage], names: dict[str, str]) -> None:
    """Wait until Workflows have ended, each in its way."""
    # Argo 3.7 calls a Workflow that was terminated while it waited for its lock a success.
    unstarted = ("Succeeded",) if argo_release().version.startswith("3.") else ()
    for how, stage in stages.items():
        stage.reaches(names[how], "Failed", "", *unstarted)


def test_a_workflow_that_is_stopped_says_so_and_can_be_retried(stage: Stage, argo: ArgoClient) -> None:
    name = in_cancel(stage)
    argo.run("stop", name)
    stage.reaches(name, "Failed")
    assert stage.record()["phase"] == "failed"
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    assert stage.labels() == {"ready-for-qa"}
    found = stage.named(name)
    assert found is not None
    nodes = found["status"]["nodes"].values()
    # Nodes are a map: they come in no order.
    assert {node["templateName"] for node in nodes if node["type"] == "Pod"} == {names.ENTRYPOINT, names.FAIL}

    argo.retry(name, by="command")
    stage.reaches(name, "Succeeded")
    settled(stage)


def test_what_was_left_by_workflows_that_ran_is_finished_by_the_next_push(
    stages: dict[str, Stage], argo: ArgoClient
) -> None:
    """Without a further push: reconcile, but for `stop`, whose record says that it failed."""
    running = dict(zip(HOW, all_in_cancel(list(stages.values())), strict=True))
    for how in HOW:
        argo.run(how, running[how])
    ended(stages, running)
    the_next_pushes_finish_it(stages, number=2)


def test_workflows_that_are_ended_while_they_wait_delay_no_other_push(
    stages: dict[str, Stage], argo: ArgoClient
) -> None:
    """Their own pushes are left; agents that were started between the two, too. Without a further push: reconcile."""
    running = dict(zip(HOW, all_in_cancel(list(stages.values())), strict=True))
    waiting = {how: submitted(stage, stage.push(2)) for how, stage in stages.items()}
    for how, stage in stages.items():
        stage.reaches(waiting[how], "Pending")
        argo.run(how, waiting[how])
    for how, stage in stages.items():
        stage.reaches(running[how], "Succeeded")
    ended(stages, waiting)
    for stage in stages.values():
        assert stage.runs() == set()
        record = stage.record()
        assert (record["phase"], record["labels"]) == ("completed", "left-to-newer-push")
        assert stage.labels() == {"ready-for-qa"}, "the newer push moves them, and its Workflow was ended"
    the_next_pushes_finish_it(stages, number=3)

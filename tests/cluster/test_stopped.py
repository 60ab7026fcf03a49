"""Workflows that a person stops, terminates or deletes, while they run and while they wait.

The next push finishes what they left. Without a further push, reconcile does: tests of it are where it is.
"""

from __future__ import annotations

import pytest

from pipelines import names
from tests.cluster.argo_client import ArgoClient, person
from tests.cluster.moments import in_cancel, submitted
from tests.cluster.outcome import settled
from tests.cluster.stage import Stage

pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture
def argo(stage: Stage) -> ArgoClient:
    """Argo, as a person uses it."""
    return person(stage.cluster)


def the_next_push_finishes_it(stage: Stage, *, number: int) -> None:
    """Push once more; everything is as it should be then."""
    later = stage.push(number)
    stage.deliver(later)
    assert stage.finished(later, deadline_s=150)["status"]["phase"] == "Succeeded"
    settled(stage, number=number)


def test_a_workflow_that_is_stopped_says_so_and_can_be_retried(stage: Stage, argo: ArgoClient) -> None:
    name = in_cancel(stage)
    argo.run("stop", name)
    stage.until(lambda: stage.phase_of(name) == "Failed", what="it has stopped", deadline_s=150)
    assert stage.record()["phase"] == "failed"
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    assert stage.labels() == {"ready-for-qa"}
    found = stage.named(name)
    assert found is not None
    nodes = found["status"]["nodes"].values()
    # Nodes are a map: they come in no order.
    assert {node["templateName"] for node in nodes if node["type"] == "Pod"} == {names.ENTRYPOINT, names.FAIL}

    argo.retry(name, by="command")
    stage.until(lambda: stage.phase_of(name) == "Succeeded", what="the retry succeeds", deadline_s=120)
    settled(stage)


@pytest.mark.parametrize("how", ["stop", "terminate", "delete"])
def test_what_was_left_by_a_workflow_that_ran_is_finished_by_the_next_push(
    stage: Stage, argo: ArgoClient, how: str
) -> None:
    """Without a further push: reconcile, but for `stop`, whose record says that it failed."""
    name = in_cancel(stage)
    argo.run(how, name)
    gone = {"Failed", ""}
    stage.until(lambda: stage.phase_of(name) in gone, what=f"it has ended by {how}", deadline_s=150)
    the_next_push_finishes_it(stage, number=2)


@pytest.mark.parametrize("how", ["stop", "terminate", "delete"])
def test_a_workflow_that_is_ended_while_it_waits_holds_nobody_up(stage: Stage, argo: ArgoClient, how: str) -> None:
    """Its own push is left; agents that were started between the two, too. Without a further push: reconcile."""
    running = in_cancel(stage)
    waiting = submitted(stage, stage.push(2))
    stage.until(lambda: stage.phase_of(waiting) == "Pending", what="it waits")
    argo.run(how, waiting)
    stage.until(lambda: stage.phase_of(running) == "Succeeded", what="the one that ran succeeds", deadline_s=120)
    stage.until(lambda: stage.phase_of(waiting) in {"Failed", ""}, what=f"the other has ended by {how}")
    settled(stage)
    the_next_push_finishes_it(stage, number=3)

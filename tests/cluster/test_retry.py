"""A Workflow that failed, and a person who retries it: in the UI, whose requests these are, or by `argo retry`."""

from __future__ import annotations

import pytest

from tests.cluster.argo_client import ArgoClient, ArgoRefusedError, person
from tests.cluster.outcome import settled
from tests.cluster.stage import Stage
from tests.doubles.github import fail
from tests.doubles.platform.controller import job_name

by_either = pytest.mark.parametrize("by", ["server", "command"])


@pytest.fixture
def argo(stage: Stage) -> ArgoClient:
    """Argo, as a person uses it."""
    return person(stage.cluster)


def failed(stage: Stage, *, attempts: int = 1) -> None:
    """Check that the push has failed, for the nth time, in a way that says what to do, with nothing in the way."""
    record = stage.record()
    assert (record["phase"], record["attempts"]) == ("failed", attempts)
    assert "renew the Secret" in record["errors"][-1]
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    assert stage.labels() == {"ready-for-qa"}


def retried(stage: Stage, argo: ArgoClient, name: str, *, by: str, phase: str = "Succeeded") -> None:
    """Retry a Workflow and wait for its new end."""
    argo.retry(name, by=by)
    stage.until(lambda: stage.phase_of(name) != "Failed", what="the retry has begun")
    stage.until(lambda: stage.phase_of(name) == phase, what=f"the retry ends as {phase}")


def failing_push(stage: Stage) -> str:
    """Push; the name of its Workflow, once that has failed."""
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    ended = stage.finished(delivery)
    assert ended["status"]["phase"] == "Failed"
    return str(ended["metadata"]["name"])


@by_either
def test_a_retry_finishes_what_failed_before_the_agents_were_stopped(stage: Stage, argo: ArgoClient, by: str) -> None:
    run = stage.agent()
    stage.github.fault(fail(401), method="GET", path="/pulls$")
    name = failing_push(stage)
    failed(stage)
    assert stage.witness.when("SIGTERM", job_name(run)) is None
    retried(stage, argo, name, by=by)
    assert settled(stage)["attempts"] == 2
    assert stage.witness.when("SIGTERM", job_name(run)) is not None


@by_either
def test_a_retry_finishes_what_failed_after_the_agents_were_stopped(stage: Stage, argo: ArgoClient, by: str) -> None:
    stage.agent()
    stage.github.fault(fail(401), method="POST", path=f"/issues/{stage.pull_request}/labels$")
    name = failing_push(stage)
    failed(stage)
    assert stage.runs() == set(), "the agents are stopped; only the labels are left"
    retried(stage, argo, name, by=by)
    assert settled(stage)["attempts"] == 2


def test_a_retry_that_fails_can_be_retried(stage: Stage, argo: ArgoClient) -> None:
    stage.agent()
    stage.github.fault(fail(401), method="GET", path="/pulls$", times=2)
    name = failing_push(stage)
    failed(stage)
    retried(stage, argo, name, by="server", phase="Failed")
    failed(stage, attempts=2)
    retried(stage, argo, name, by="server")
    assert settled(stage)["attempts"] == 3


@by_either
def test_a_success_is_not_retried(stage: Stage, argo: ArgoClient, by: str) -> None:
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    name = stage.finished(delivery)["metadata"]["name"]
    record = settled(stage)
    with pytest.raises(ArgoRefusedError, match="retry a succeeded workflow"):
        argo.retry(name, by=by)
    assert settled(stage) == record

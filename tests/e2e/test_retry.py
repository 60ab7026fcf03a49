"""A Workflow that failed, and a person who retries it: in the UI, whose requests these are, or by `argo retry`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.doubles.github import fail
from tests.doubles.platform.controller import job_name
from tests.e2e.provision.cluster import Cluster
from tests.e2e.support.argo_client import ArgoClient, ArgoRefusedError, person
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import Stage

WAYS = ("server", "command")


@pytest.fixture
def argo(cluster: Cluster) -> ArgoClient:
    """Argo, as a person uses it."""
    return person(cluster)


@pytest.fixture
def stages(new_stage: Callable[[], Stage]) -> dict[str, Stage]:
    """A task for each way to retry."""
    return {by: new_stage() for by in WAYS}


def failed(stage: Stage, *, attempts: int = 1) -> None:
    """Check that the push has failed, for the nth time, in a way that says what to do, with nothing in the way."""
    record = stage.record()
    assert (record["phase"], record["attempts"]) == ("failed", attempts)
    assert "renew the Secret" in record["errors"][-1]
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    assert stage.labels() == {"ready-for-qa"}


def retried(stages: dict[str, Stage], argo: ArgoClient, names: dict[str, str], *, phase: str = "Succeeded") -> None:
    """Retry a Workflow of each task, each in its way, and wait for their new ends."""
    for by in stages:
        argo.retry(names[by], by=by)
    for by, stage in stages.items():
        stage.until(lambda: stage.phase_of(names[by]) != "Failed", what=f"the retry by {by} has begun")  # noqa: B023 - at once
    for by, stage in stages.items():
        stage.reaches(names[by], phase)


def failing_pushes(stages: dict[str, Stage]) -> dict[str, str]:
    """Push to each in turn; the names of the Workflows, once they have failed.

    In turn, because one pod processes pushes that wait at the same time. Its failure of another's push would be an
    attempt, and that push's own Workflow would succeed.
    """
    found: dict[str, str] = {}
    for by, stage in stages.items():
        delivery = stage.push()
        assert stage.deliver(delivery) == 200
        workflow = stage.finished(delivery)
        assert workflow["status"]["phase"] == "Failed"
        found[by] = str(workflow["metadata"]["name"])
    return found


def test_a_retry_finishes_what_failed_before_the_agents_were_stopped(
    stages: dict[str, Stage], argo: ArgoClient
) -> None:
    runs = {by: stage.agent() for by, stage in stages.items()}
    stages[WAYS[0]].github.fault(fail(401), method="GET", path="/pulls$", times=len(WAYS))
    found = failing_pushes(stages)
    for by, stage in stages.items():
        failed(stage)
        assert stage.agent_reports.when("SIGTERM", job_name(runs[by])) is None
    retried(stages, argo, found)
    for by, stage in stages.items():
        assert settled(stage)["attempts"] == 2
        assert stage.agent_reports.when("SIGTERM", job_name(runs[by])) is not None


def test_a_retry_finishes_what_failed_after_the_agents_were_stopped(stages: dict[str, Stage], argo: ArgoClient) -> None:
    for stage in stages.values():
        stage.agent()
        stage.github.fault(fail(401), method="POST", path=f"/issues/{stage.pull_request}/labels$")
    found = failing_pushes(stages)
    for stage in stages.values():
        failed(stage)
        assert stage.runs() == set(), "the agents are stopped; only the labels are left"
    retried(stages, argo, found)
    assert [settled(stage)["attempts"] for stage in stages.values()] == [2, 2]


def test_a_retry_that_fails_can_be_retried(stage: Stage, argo: ArgoClient) -> None:
    stage.agent()
    stage.github.fault(fail(401), method="GET", path="/pulls$", times=2)
    alone = {"server": stage}
    found = failing_pushes(alone)
    failed(stage)
    retried(alone, argo, found, phase="Failed")
    failed(stage, attempts=2)
    retried(alone, argo, found)
    assert settled(stage)["attempts"] == 3


def test_a_success_is_not_retried(stage: Stage, argo: ArgoClient) -> None:
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    name = stage.finished(delivery)["metadata"]["name"]
    record = settled(stage)
    for by in WAYS:
        with pytest.raises(ArgoRefusedError, match="retry a succeeded workflow"):
            argo.retry(name, by=by)
    assert settled(stage) == record

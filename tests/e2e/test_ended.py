"""Signed webhooks about a pull request and a deleted branch, through the real EventSource and Sensor, to real pods."""

from __future__ import annotations

import pytest

from steps.domain.push import ZERO_SHA
from tests.doubles.github import webhooks
from tests.doubles.platform.controller import job_name
from tests.e2e.support.installation import SECRET
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import REPOSITORY, Stage, sha
from tests.support.doubt import wait_out_doubt

pytestmark = pytest.mark.timeout(300, func_only=True)


def about_pull_request(stage: Stage, action: str) -> webhooks.Delivery:
    """The webhook about the task's pull request as it is now."""
    return webhooks.pull_request(stage.github, stage.pull_request, action, secret=SECRET, repository=REPOSITORY)


def closed(stage: Stage) -> webhooks.Delivery:
    """A person merges the pull request."""
    stage.github.close(stage.pull_request, merged=True, repository=REPOSITORY)
    return about_pull_request(stage, "closed")


def deleted(stage: Stage) -> webhooks.Delivery:
    """A person deletes the branch; GitHub closes its pull request."""
    stage.github.close(stage.pull_request, repository=REPOSITORY)
    return webhooks.push(stage.github, stage.branch, ZERO_SHA, secret=SECRET, repository=REPOSITORY, actor="octocat")


@pytest.mark.parametrize("end", [closed, deleted], ids=["merged", "deleted"])
def test_the_end_of_a_branch_stops_the_agents_of_its_head(stage: Stage, end: object) -> None:
    assert callable(end)
    push = stage.push()
    assert stage.deliver(push) == 200
    assert stage.finished(push)["status"]["phase"] == "Succeeded"
    run = stage.agent()
    wait_out_doubt(stage.started)
    labels = stage.labels()
    delivery = end(stage)
    assert stage.deliver(delivery) == 200
    assert stage.finished(delivery)["status"]["phase"] == "Succeeded"
    assert stage.runs() == set()
    assert stage.agent_reports.when("SIGTERM", job_name(run)) is not None
    record = stage.record()
    assert (record["phase"], record["labels"], record["push"]["sha"]) == ("completed", "closed", ZERO_SHA)
    assert record["push"]["before"] == sha(stage.task, 1)
    assert stage.labels() == labels
    assert stage.lease()["spec"].get("holderIdentity", "") == ""


def test_a_pull_request_that_is_opened_after_its_push_gets_its_labels(stage: Stage) -> None:
    stage.github.close(stage.pull_request, repository=REPOSITORY)
    push = stage.push()
    assert stage.deliver(push) == 200
    assert stage.finished(push)["status"]["phase"] == "Succeeded"
    assert stage.record()["labels"] == "no-open-pull-request"
    stage.github.reopen(stage.pull_request, repository=REPOSITORY)
    opened = about_pull_request(stage, "reopened")
    assert stage.deliver(opened) == 200
    assert stage.finished(opened)["status"]["phase"] == "Succeeded"
    settled(stage)

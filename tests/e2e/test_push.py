"""One push in the real cluster: from the signed webhook to the end of the agents' processes."""

from __future__ import annotations

import json
import time
import uuid

import pytest

from pipelines import names
from tests.doubles.github import webhooks
from tests.doubles.platform.controller import job_name
from tests.doubles.platform.platform import put_run
from tests.doubles.platform.runs import CLEO, REX, TESS, agent_run
from tests.e2e.provision.folders import say
from tests.e2e.support.installation import SECRET
from tests.e2e.support.stage import Stage, sha
from tests.e2e.support.task import REPOSITORY

# What is measured here is what users get, with the time Argo takes.
pytestmark = pytest.mark.argo(fast=False)


def test_a_push_stops_what_is_stale_and_nothing_else(stage: Stage) -> None:
    stale, exempt = [stage.agent(TESS), stage.agent(CLEO)], stage.agent(REX)
    delivery = stage.push()

    began = time.time()
    assert stage.deliver(delivery) == 200
    moments = {"workflow": stage.until(lambda: stage.workflow(delivery) is not None, what="a workflow")}
    # Created in a later second than the Workflow: not stale, although it exists before the steps list runs.
    stage.until(lambda: time.time() > int(moments["workflow"]) + 1.05, what="the next second")
    newer = put_run(
        stage.client,
        agent_run(task=stage.task, agent=TESS, repository=f"https://github.com/{REPOSITORY}", namespace=stage.agents),
    )
    moments["DELETE"] = stage.until(stage.deleting, what="a stale run is being deleted")
    jobs = {job_name(run) for run in stale}
    moments["pods gone"] = stage.until(lambda: not stage.pods() & jobs, what="the stale pods are gone")
    moments["labels"] = stage.until(lambda: stage.labels() == {"remediation-in-progress"}, what="labels")
    assert stage.finished(delivery)["status"]["phase"] == "Succeeded"
    moments["workflow finished"] = time.time()
    heard = [stage.agent_reports.when("SIGTERM", job) for job in jobs]
    assert all(heard), "every stale agent was asked to stop"
    moments["SIGTERM"] = max(when or 0.0 for when in heard)
    steps = ", ".join(
        f"{what} {when - began:.1f} s" for what, when in sorted(moments.items(), key=lambda each: each[1])
    )
    say(f"webhook -> {steps}")

    names = {run["metadata"]["name"] for run in (exempt, newer)}
    assert stage.runs() == names
    stage.until(lambda: stage.agent_reports.when("working", job_name(newer)) is not None, what="the newer agent works")
    for run in (exempt, newer):
        assert stage.agent_reports.when("SIGTERM", job_name(run)) is None
    assert stage.pods() == {job_name(exempt), job_name(newer)}
    record = stage.record()
    assert (record["phase"], record["labels"], record["attempts"]) == ("completed", "moved", 1)
    outcomes = {agent["name"]: agent["outcome"] for agent in record["agents"]}
    assert {name for name, outcome in outcomes.items() if outcome == "gone"} == {
        run["metadata"]["name"] for run in stale
    }
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    state = stage.state()
    assert (state["unknown"], state["cancellation_in_progress"]) == ({"kept": True}, False)


def test_a_push_that_succeeds_takes_one_pod(stage: Stage) -> None:
    stage.agent()
    delivery = stage.push()
    assert stage.deliver(delivery) == 200
    nodes = stage.finished(delivery)["status"]["nodes"].values()
    assert [node["templateName"] for node in nodes if node["type"] == "Pod"] == [names.ENTRYPOINT]


def test_an_event_that_is_not_a_push_of_an_agent_does_nothing(stage: Stage) -> None:
    run = stage.agent()
    good = stage.push()
    payload = json.loads(good.body)

    def signed(event: str = "push", secret: str = SECRET, **changes: object) -> webhooks.Delivery:
        changed = payload | changes
        return webhooks.delivery(changed, event=event, secret=secret, delivery_id=str(uuid.uuid4()))

    unsigned = signed()
    assert stage.deliver(unsigned, **{"X-Hub-Signature-256": ""}) >= 400
    assert stage.deliver(signed(secret="another secret")) >= 400
    assert stage.deliver(signed(padding="x" * 1_048_576)) >= 400, "more than a megabyte"
    dropped = [
        signed(event="ping"),
        signed(event="pull_request"),
        signed(sender=payload["sender"] | {"login": "5DLabs-Tess[bot]"}),
        signed(sender=payload["sender"] | {"login": "5DLabs-Rex", "type": "User"}),
        signed(ref="refs/heads/main"),
        signed(ref=f"refs/tags/task-{stage.task}"),
        signed(repository=payload["repository"] | {"full_name": f"{REPOSITORY}-fork"}),
        signed(ref=f"refs/heads/task-{stage.task}-$(id)"),
        signed(ref=f"refs/heads/task-0{stage.task}"),
        signed(after="HEAD"),
        signed(deleted=True),
        signed(deleted=True, after="0" * 40, before="0" * 40),
    ]
    assert [stage.deliver(each) for each in dropped] == [200] * len(dropped)

    # Events are handled in order: when the good one has made its Workflow, the others have been judged.
    assert stage.deliver(good) == 200
    assert stage.finished(good)["status"]["phase"] == "Succeeded"
    assert [each["metadata"]["labels"][names.DELIVERY_LABEL] for each in stage.workflows()] == [good.id]
    stage.until(
        lambda: stage.agent_reports.when("SIGTERM", job_name(run)) is not None, what="the good push stops the agent"
    )
    assert stage.record()["push"]["sha"] == sha(stage.task, 1)

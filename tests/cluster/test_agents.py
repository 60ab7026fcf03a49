"""Agents that do not go as they should: deaf, stuck, finished by themselves, or replaced by a namesake."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.agents import Manner
from tests.cluster.gate import gate
from tests.cluster.moments import submitted
from tests.cluster.outcome import settled
from tests.cluster.stage import Stage
from tests.doubles.platform.client import MERGE_PATCH
from tests.doubles.platform.controller import job_name
from tests.doubles.platform.platform import runs_path

pytestmark = pytest.mark.timeout(300, func_only=True)


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    """What became of each agent, by uid."""
    return {agent["uid"]: agent["outcome"] for agent in record["agents"]}


@pytest.mark.own_cluster
def test_an_agent_that_ignores_sigterm_is_forced_and_its_process_ends(stage: Stage) -> None:
    # Its pod asks for ten minutes, so that it is not the kubelet that ends it.
    run = stage.agent(how=Manner(exit_after_s=600.0, grace_s=600.0))
    name = submitted(stage, stage.push())
    stage.reaches(name, "Succeeded")
    assert outcomes(settled(stage)) == {run["metadata"]["uid"]: "gone"}
    assert stage.witness.when("SIGTERM", job_name(run)) is not None
    assert stage.witness.when("exit", job_name(run)) is None
    stage.until(lambda: job_name(run) not in stage.cluster.processes(), what="its process ends")


def test_an_agent_that_cannot_be_proven_gone_leaves_the_labels_until_it_is(stage: Stage) -> None:
    run = stage.agent()
    path = runs_path(stage.agents, run["metadata"]["name"])
    hanging = {"metadata": {"finalizers": ["tests.agent-cancellation/hangs"]}}
    stage.client.ask("PATCH", path, hanging, content_type=MERGE_PATCH)
    name = submitted(stage, stage.push())

    def failed() -> bool:
        return "agent-cancellation/record" in stage.annotations() and stage.record()["phase"] == "failed"

    stage.until(failed, what="it says that it failed", deadline_s=120)
    record = stage.record()
    assert "its object is still there" in record["errors"][-1]
    assert outcomes(record) == {run["metadata"]["uid"]: "not-proven-gone"}
    assert stage.labels() == {"ready-for-qa"}
    assert stage.lease()["spec"].get("holderIdentity", "") == ""

    stage.client.ask("PATCH", path, {"metadata": {"finalizers": []}}, content_type=MERGE_PATCH)
    stage.reaches(name, "Succeeded")
    record = settled(stage)
    assert (record["attempts"], outcomes(record)) == (2, {run["metadata"]["uid"]: "gone"})
    found = stage.named(name)
    assert found is not None
    messages = [node.get("message", "") for node in found["status"]["nodes"].values() if node["phase"] == "Failed"]
    assert any("75" in message for message in messages), messages


def test_an_agent_that_has_completed_is_left_as_it_is(stage: Stage) -> None:
    run = stage.agent(how=Manner(works_for_s=0.5))
    name = run["metadata"]["name"]
    stage.until(lambda: stage.phase_of_run(name) == "Succeeded", what="the agent completes")
    workflow = submitted(stage, stage.push())
    stage.reaches(workflow, "Succeeded")
    assert outcomes(settled(stage, left=[name])) == {run["metadata"]["uid"]: "kept"}
    assert stage.phase_of_run(name) == "Succeeded"
    assert stage.witness.when("SIGTERM", job_name(run)) is None


def test_a_namesake_that_appears_while_its_predecessor_is_judged_is_not_touched(stage: Stage) -> None:
    name = f"task-{stage.task}-namesake"
    old = stage.agent(name=name)
    with gate(stage.github, method="GET", path="/pulls$") as judging:
        workflow = submitted(stage, stage.push())
        stage.until(judging.reached.is_set, what="the step reads the pull request, and lists the runs meanwhile")
        stage.client.ask("DELETE", runs_path(stage.agents, name))
        stage.until(lambda: name not in stage.runs(), what="the old one is gone")
        new = stage.start(name=name)
    stage.reaches(workflow, "Succeeded")
    told = outcomes(settled(stage, left=[name]))
    assert told[old["metadata"]["uid"]] == "gone"
    assert told.get(new["metadata"]["uid"], "kept") == "kept"
    stage.at_work(new)
    assert stage.witness.when("SIGTERM", job_name(new)) is None

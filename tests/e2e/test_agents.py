"""Agents that do not end as they should: they ignore SIGTERM, hang, have finished already, or have a new namesake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from steps.core.keys import RECORD
from tests.doubles.platform.client import MERGE_PATCH
from tests.doubles.platform.controller import job_name
from tests.doubles.platform.platform import runs_path
from tests.e2e.support.agents import AgentBehaviour
from tests.e2e.support.gate import gate
from tests.e2e.support.moments import submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import Stage
from tests.e2e.support.surroundings import Surroundings

pytestmark = pytest.mark.timeout(300, func_only=True)


def outcomes(record: dict[str, Any]) -> dict[str, str]:
    """What became of each agent, by uid."""
    return {agent["uid"]: agent["outcome"] for agent in record["agents"]}


def test_an_agent_that_has_completed_is_left_as_it_is(stage: Stage) -> None:
    run = stage.agent(how=AgentBehaviour(works_for_s=0.5))
    name = run["metadata"]["name"]
    stage.until(lambda: stage.phase_of_run(name) == "Succeeded", what="the agent completes")
    workflow = submitted(stage, stage.push())
    stage.reaches(workflow, "Succeeded")
    assert outcomes(settled(stage, left=[name])) == {run["metadata"]["uid"]: "kept"}
    assert stage.phase_of_run(name) == "Succeeded"
    assert stage.agent_reports.when("SIGTERM", job_name(run)) is None


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
    outcome = outcomes(settled(stage, left=[name]))
    assert outcome[old["metadata"]["uid"]] == "gone"
    assert outcome.get(new["metadata"]["uid"], "kept") == "kept"
    stage.at_work(new)
    assert stage.agent_reports.when("SIGTERM", job_name(new)) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowToEnd:
    """An agent that does not end as it should, and the Workflow that stops it."""

    stage: Stage
    run: dict[str, Any]
    workflow: str


@pytest.fixture(scope="module")
def slow_to_end(around: Surroundings) -> Iterator[tuple[SlowToEnd, SlowToEnd]]:
    """An agent that ignores SIGTERM, and one whose object stays: each takes more than half a minute."""
    ignoring, stuck = around.stage(), around.stage()
    # The pod of the first asks for ten minutes, so that it is not the kubelet that ends it.
    runs = [ignoring.agent(how=AgentBehaviour(exit_after_s=600.0, grace_s=600.0)), stuck.agent()]
    hanging = {"metadata": {"finalizers": ["tests.agent-cancellation/hangs"]}}
    path = runs_path(stuck.agents, runs[1]["metadata"]["name"])
    stuck.client.ask("PATCH", path, hanging, content_type=MERGE_PATCH)
    both = zip((ignoring, stuck), runs, strict=True)
    first, second = [SlowToEnd(stage=each, run=run, workflow=submitted(each, each.push())) for each, run in both]
    yield first, second
    around.clear(ignoring)
    around.clear(stuck)


def failed_nodes(stage: Stage, workflow: str) -> list[str]:
    """The messages of a Workflow's nodes that have failed."""
    found = stage.named(workflow)
    assert found is not None
    return [node.get("message", "") for node in found["status"]["nodes"].values() if node["phase"] == "Failed"]


def test_an_agent_that_cannot_be_proven_gone_leaves_the_labels_until_it_is(
    slow_to_end: tuple[SlowToEnd, SlowToEnd],
) -> None:
    stage, run, name = slow_to_end[1].stage, slow_to_end[1].run, slow_to_end[1].workflow

    def failed() -> bool:
        return RECORD in stage.annotations() and stage.record()["phase"] == "failed"

    stage.until(failed, what="it says that it failed", deadline_s=120)
    failure = stage.record()
    assert "its object still exists" in failure["errors"][-1]
    assert outcomes(failure) == {run["metadata"]["uid"]: "not-proven-gone"}
    assert stage.labels() == {"ready-for-qa"}
    assert stage.lease()["spec"].get("holderIdentity", "") == ""

    path = runs_path(stage.agents, run["metadata"]["name"])
    stage.client.ask("PATCH", path, {"metadata": {"finalizers": []}}, content_type=MERGE_PATCH)
    stage.reaches(name, "Succeeded")
    record = settled(stage)
    assert (record["attempts"], outcomes(record)) == (failure["attempts"] + 1, {run["metadata"]["uid"]: "gone"})
    assert failure.get("helper") or any("75" in message for message in failed_nodes(stage, name))


@pytest.mark.own_cluster
def test_an_agent_that_ignores_sigterm_is_forced_and_its_process_ends(slow_to_end: tuple[SlowToEnd, SlowToEnd]) -> None:
    stage, run = slow_to_end[0].stage, slow_to_end[0].run
    stage.reaches(slow_to_end[0].workflow, "Succeeded")
    assert outcomes(settled(stage)) == {run["metadata"]["uid"]: "gone"}
    assert stage.agent_reports.when("SIGTERM", job_name(run)) is not None
    assert stage.agent_reports.when("exit", job_name(run)) is None
    stage.until(lambda: job_name(run) not in stage.cluster.processes(), what="its process ends")

"""Outages while a push is processed: the network, GitHub, and GitHub's rate limits.

With the other modules of this tier these are the ten scenarios of the platform's own acceptance list:

| scenario | here |
|---|---|
| high load | test_bursts.py |
| lock contention | test_queue.py, test_bursts.py |
| partial failure | test_retry.py, test_stopped.py |
| rate limit | this module |
| state corruption | test_reconcile.py |
| network partition | this module |
| breaker | this module |
| clean-up after a crash | test_killed.py, test_restarts.py, test_reconcile.py |
| state manager integration | outcome.py, which every test ends with |
| sustained load | `make soak PLATFORM=cluster` |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from steps.breaker.circuit import Circuit, parse_circuit
from tests.doubles.github import fail, primary_limited
from tests.doubles.platform.client import MERGE_PATCH
from tests.doubles.platform.controller import job_name
from tests.e2e.support.cuts import cut_off_from_the_api_server, github_cut_off
from tests.e2e.support.moments import in_cancel, submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.pods import step_pods
from tests.e2e.support.stage import Stage

pytestmark = pytest.mark.timeout(400, func_only=True)


def breakers(stage: Stage) -> str:
    """Path of the ConfigMap that all pods share."""
    return f"/api/v1/namespaces/{stage.home}/configmaps/{stage.cluster.settings.breaker.config_map}"


def circuit(stage: Stage) -> Circuit:
    """What all pods know of GitHub."""
    data = stage.client.ask("GET", breakers(stage)).get("data") or {}
    return parse_circuit(data.get("github", "{}"))


@pytest.fixture(autouse=True)
def _nothing_known(stage: Stage) -> Iterator[None]:
    """Remove what the pods of one test recorded about GitHub, before the next test."""
    yield
    stage.github.plan.clear()
    stage.client.ask("PATCH", breakers(stage), {"data": None}, content_type=MERGE_PATCH)


@contextmanager
def github_down(stage: Stage) -> Iterator[None]:
    """Let GitHub answer everything with an error until the context is left."""
    stage.github.fault(fail(500), times=math.inf)
    try:
        yield
    finally:
        stage.github.plan.clear()


def succeeds(stage: Stage, name: str) -> None:
    """Wait until a Workflow has succeeded, in spite of all."""
    stage.until(lambda: stage.phase_of(name) == "Succeeded", what=f"{name} succeeds all the same", deadline_s=240)


def ended(stage: Stage, workflow: str) -> int | None:
    """The exit code of the step's container, once it has ended."""
    for pod in step_pods(stage, workflow):
        for each in pod["status"].get("containerStatuses") or ():
            if each["name"] == "main" and "terminated" in each["state"]:
                return int(each["state"]["terminated"]["exitCode"])
    return None


@pytest.mark.own_cluster
def test_a_step_that_is_cut_off_from_the_api_server_stops_working_and_the_next_attempt_finishes(stage: Stage) -> None:
    name = in_cancel(stage)
    with cut_off_from_the_api_server(stage, name):
        stage.until(lambda: ended(stage, name) is not None, what="the step gives up", deadline_s=120)
        assert ended(stage, name) == 75
        assert stage.labels() == {"ready-for-qa"}, "the agents are not yet verified gone"
    succeeds(stage, name)
    assert settled(stage)["attempts"] == 2


@pytest.mark.own_cluster
def test_while_github_is_out_of_reach_nothing_is_stopped_and_afterwards_everything(stage: Stage) -> None:
    """A person may have set `skip-automation`, and the step cannot read that."""
    run = stage.agent()
    with github_cut_off(stage):
        name = submitted(stage, stage.push())
        stage.until(lambda: circuit(stage).failures >= 1, what="a request to GitHub has got no answer", deadline_s=120)
        assert not stage.deleting()
    succeeds(stage, name)
    settled(stage)
    assert stage.agent_reports.when("SIGTERM", job_name(run)) is not None


def test_no_pod_asks_a_failing_github_and_every_push_is_processed_later(
    new_stage: Callable[[], Stage],
) -> None:
    stages = [new_stage() for _ in range(4)]
    first, *others = stages
    for each in stages:
        each.agent()
    with github_down(first):
        workflows = [submitted(first, first.push())]
        first.until(lambda: circuit(first).open_until is not None, what="the breaker opens", deadline_s=60)
        asked = len(first.github.calls)
        workflows += [submitted(each, each.push()) for each in others]
        # Each of the others ends its first attempt without having asked.
        for each, name in zip(others, workflows[1:], strict=True):
            each.until(lambda each=each, name=name: ended(each, name) == 75, what="it gives up")  # type: ignore[misc]
            assert not each.annotations(), "it has not even taken the Lease"
            assert not each.deleting()
        # Half a minute after it opened, one pod may try; none but that.
        assert len(first.github.calls) - asked <= 2
    for each, name in zip(stages, workflows, strict=True):
        succeeds(each, name)
        settled(each)
    assert circuit(first).open_until is None, "the breaker has closed"


def test_a_rate_limit_that_one_pod_meets_is_waited_out_by_all(new_stage: Callable[[], Stage]) -> None:
    stages = [new_stage() for _ in range(3)]
    first, *others = stages
    for each in stages:
        each.agent()
    first.github.fault(primary_limited(reset_in_s=20), method="GET", path="/pulls$")
    workflows = [submitted(first, first.push())]
    first.until(lambda: circuit(first).limited_until is not None, what="the pods know of the limit", deadline_s=60)
    until = circuit(first).limited_until
    assert until is not None
    asked = len(first.github.calls)
    workflows += [submitted(each, each.push()) for each in others]
    for each, name in zip(stages, workflows, strict=True):
        succeeds(each, name)
        settled(each)
    early = [call for call in first.github.calls[asked:] if call.at < until.timestamp()]
    assert early == [], "somebody asked before GitHub's limit was over"

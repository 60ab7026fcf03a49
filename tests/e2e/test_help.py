"""One pod that processes the pushes of other tasks, with real pods: it is killed, or only one may run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipelines import names
from steps.core.keys import RECORD
from tests.doubles.platform.client import MERGE_PATCH
from tests.doubles.platform.controller import job_name
from tests.e2e.support.agents import AgentBehaviour
from tests.e2e.support.moments import next_second
from tests.e2e.support.outcome import settled
from tests.e2e.support.pods import kill
from tests.e2e.support.stage import Stage

pytestmark = pytest.mark.timeout(400, func_only=True)

TASKS = 4


@pytest.fixture
def burst(new_stage: Callable[[], Stage]) -> list[tuple[Stage, str]]:
    """Tasks with an agent each that goes on for some seconds after SIGTERM, and the agents' Jobs."""
    stages = [new_stage() for _ in range(TASKS)]
    return [(stage, job_name(stage.agent(how=AgentBehaviour(exit_after_s=10.0)))) for stage in stages]


def pushed(burst: list[tuple[Stage, str]]) -> None:
    """A push to each task at once."""
    next_second()
    deliveries = [(stage, stage.push()) for stage, _ in burst]
    assert {stage.deliver(delivery) for stage, delivery in deliveries} == {200}


def helper_of(stage: Stage) -> str:
    """The Workflow whose pod works for this task in place of its own; empty if none does."""
    record = json.loads(stage.annotations().get(RECORD, "{}"))
    return str(record.get("helper") or "")


def check(burst: list[tuple[Stage, str]]) -> None:
    """Each task is finished, and its agent was asked to end."""
    for stage, job in burst:
        stage.all_ended(deadline_s=240)
        settled(stage)
        assert stage.agent_reports.when("SIGTERM", job) is not None


@contextmanager
def places(stage: Stage, count: int) -> Iterator[None]:
    """Let `count` pods run at once, until the context is left."""
    path = f"/api/v1/namespaces/{stage.home}/configmaps/{names.LIMITS}"
    before = stage.client.ask("GET", path)["data"]
    stage.client.ask("PATCH", path, {"data": {names.LIMITS_KEY: str(count)}}, content_type=MERGE_PATCH)
    try:
        yield
    finally:
        stage.client.ask("PATCH", path, {"data": before}, content_type=MERGE_PATCH)


def test_a_helper_that_is_killed_is_succeeded_by_the_own_workflows(burst: list[tuple[Stage, str]]) -> None:
    stages = [stage for stage, _ in burst]
    # With a place for each, all of them may begin before one of them helps.
    with places(stages[0], 2):
        pushed(burst)
        stages[0].until(lambda: any(map(helper_of, stages)), what="a task is helped")
        helper = next(filter(None, map(helper_of, stages)))
        kill(stages[0], helper)
        check(burst)


def test_with_one_place_for_all_pods_the_first_one_processes_every_push(burst: list[tuple[Stage, str]]) -> None:
    stages = [stage for stage, _ in burst]
    with places(stages[0], 1):
        pushed(burst)
        check(burst)
    assert len({helper for stage in stages if (helper := helper_of(stage))}) >= 1

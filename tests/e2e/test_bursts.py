"""Many pushes at once, with Argo's own timing: on many tasks, and on one beside others.

How long it takes is printed, not judged: on a small machine most of it is the pods' own start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.lease.lease_object import lease_name
from tests.doubles.platform.controller import job_name
from tests.doubles.platform.platform import runs_path
from tests.e2e.provision.folders import say
from tests.e2e.support.history import History, watching
from tests.e2e.support.holds import Held, at_once, check, holds
from tests.e2e.support.outcome import settled
from tests.e2e.support.pods import executions
from tests.e2e.support.stage import Stage
from tests.e2e.support.task import REPOSITORY

pytestmark = [pytest.mark.argo(fast=False), pytest.mark.timeout(600, func_only=True)]

MANY = 25


@contextmanager
def witnessed(stage: Stage) -> Iterator[list[History]]:
    """Watch every Lease, run and state document while pushes are dealt with."""
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{stage.home}/leases"
    with watching(
        stage.client, leases, runs_path(stage.agents), f"/api/v1/namespaces/{stage.agents}/configmaps"
    ) as all_:
        yield all_


def orderly(stage: Stage, histories: list[History]) -> list[Held]:
    """Check that the task's holds were disjoint, and that whatever was done to it was done by a holder; the holds."""
    leases, runs, states = histories
    found = holds(leases.of(lease_name(repository=Repository(REPOSITORY), task=TaskId(str(stage.task)))))
    own_runs = [change for change in runs.all() if change.body["spec"]["taskId"] == stage.task]
    check(found, runs=own_runs, states=states.of(f"task-{stage.task}-state"))
    assert all(each.released for each in found), "a hold was taken over"
    return found


def staged(new_stage: Callable[[], Stage], count: int) -> list[tuple[Stage, str]]:
    """Tasks with an agent at work on each, and the agents' Jobs."""
    stages = [new_stage() for _ in range(count)]
    runs = [stage.start() for stage in stages]
    for stage, run in zip(stages, runs, strict=True):
        stage.at_work(run)
    return [(stage, job_name(run)) for stage, run in zip(stages, runs, strict=True)]


def all_gone(stages: list[Stage], *, since: float) -> float:
    """Wait until no agent of these tasks is left; seconds since then."""
    for stage in stages:
        stage.until(lambda stage=stage: not stage.pods(), what="its agents are gone", deadline_s=240)  # type: ignore[misc]
    return time.time() - since


def test_pushes_to_many_tasks_at_once_are_each_processed_under_their_own_lock(
    new_stage: Callable[[], Stage],
) -> None:
    tasks = staged(new_stage, MANY)
    stages = [stage for stage, _ in tasks]
    with witnessed(stages[0]) as histories:
        deliveries = [stage.push() for stage in stages]
        began = time.time()
        assert [stage.deliver(each) for stage, each in zip(stages, deliveries, strict=True)] == [200] * MANY
        say(f"{MANY} pushes to {MANY} tasks: all taken after {time.time() - began:.1f} s")
        say(f"{MANY} pushes to {MANY} tasks: all agents gone after {all_gone(stages, since=began):.1f} s")
        for stage in stages:
            stage.all_ended(deadline_s=400)
        say(f"{MANY} pushes to {MANY} tasks: all Workflows ended after {time.time() - began:.1f} s")

    every: list[Held] = []
    for stage, job in tasks:
        every += orderly(stage, histories)
        assert stage.agent_reports.when("SIGTERM", job) is not None
        assert settled(stage)["attempts"] == 1
    concurrent = stages[0].cluster.settings.workflow.concurrent
    say(f"{MANY} pushes to {MANY} tasks: at most {at_once(every)} holds at once, {concurrent} allowed")
    helped = [helper for stage in stages if (helper := stage.record().get("helper"))]
    say(f"{MANY} pushes to {MANY} tasks: {len(helped)} helped by {len(set(helped))} pods")
    assert helped
    assert at_once(every) <= concurrent * (1 + stages[0].cluster.settings.help.pushes)


def test_a_burst_of_pushes_to_one_task_takes_two_executions_and_starves_no_other_task(
    new_stage: Callable[[], Stage],
) -> None:
    (busy, job), *others = staged(new_stage, 6)
    stages = [stage for stage, _ in others]
    with witnessed(busy) as histories:
        burst = [busy.push(number) for number in range(1, MANY + 1)]
        pushes = [stage.push() for stage in stages]
        began = time.time()
        assert [busy.deliver(each) for each in burst] == [200] * MANY
        assert [stage.deliver(each) for stage, each in zip(stages, pushes, strict=True)] == [200] * len(stages)
        say(f"{MANY} pushes to one task: its agent gone after {all_gone([busy], since=began):.1f} s")
        say(f"{len(stages)} tasks beside it: agents gone after {all_gone(stages, since=began):.1f} s")
        busy.until(lambda: len(busy.workflows()) == MANY, what="all Workflows are there")
        busy.all_ended(deadline_s=400)
        say(f"{MANY} pushes to one task: all Workflows ended after {time.time() - began:.1f} s")
        for stage in stages:
            stage.all_ended(deadline_s=400)

    ran = executions(busy.workflows())
    found = orderly(busy, histories)
    say(f"{MANY} pushes to one task: {len(ran)} executions, {len(found)} holds")
    assert len(ran) <= 2
    settled(busy, number=MANY)
    assert busy.agent_reports.when("SIGTERM", job) is not None
    for stage, other in others:
        assert len(orderly(stage, histories)) == 1
        assert stage.agent_reports.when("SIGTERM", other) is not None
        settled(stage)

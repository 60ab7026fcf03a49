"""Several pushes at once: to one task, one after another; to several tasks, side by side."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from pipelines import names
from tests.cluster.folders import say
from tests.cluster.stage import Stage, sha
from tests.doubles.platform.controller import job_name

PUSHES = 5


def intervals(workflows: list[dict[str, Any]]) -> list[tuple[datetime, datetime]]:
    """When each pod of these Workflows started and ended, in order."""
    pods = [node for each in workflows for node in each["status"]["nodes"].values() if node["type"] == "Pod"]
    return sorted((datetime.fromisoformat(pod["startedAt"]), datetime.fromisoformat(pod["finishedAt"])) for pod in pods)


@pytest.mark.timeout(300, func_only=True)
def test_pushes_to_one_task_run_one_after_another_newest_first(stage: Stage) -> None:
    run = stage.agent()
    began = time.time()
    deliveries = []
    for number in range(1, PUSHES + 1):
        deliveries.append(stage.push(number))
        assert stage.deliver(deliveries[-1]) == 200
        # A webhook tells the second of a push, which is the Workflow's priority.
        time.sleep(1.1)
    ended = [stage.finished(each, deadline_s=280) for each in deliveries]
    say(f"{PUSHES} pushes to one task: all Workflows ended after {time.time() - began:.0f} s")

    assert {each["status"]["phase"] for each in ended} == {"Succeeded"}
    for earlier, later in itertools.pairwise(intervals(ended)):
        assert earlier[1] <= later[0], "two pods of one task ran at once"
    order = sorted(ended, key=lambda each: min(start for start, _ in intervals([each])))
    second = order[1]["metadata"]["labels"][names.DELIVERY_LABEL]
    assert second == deliveries[-1].id, "the newest of those that waited is next"
    record = stage.record()
    assert (record["phase"], record["push"]["sha"]) == ("completed", sha(stage.task, PUSHES))
    assert stage.labels() == {"remediation-in-progress"}
    assert stage.lease()["spec"].get("holderIdentity", "") == ""
    assert stage.runs() == set()
    assert stage.witness.when("exit", job_name(run)) is not None


@pytest.mark.timeout(300, func_only=True)
def test_pushes_to_several_tasks_do_not_wait_for_each_other(new_stage: Callable[[], Stage]) -> None:
    stages = [new_stage() for _ in range(PUSHES)]
    runs = [stage.agent() for stage in stages]
    began = time.time()
    deliveries = [stage.push() for stage in stages]
    for stage, delivery in zip(stages, deliveries, strict=True):
        assert stage.deliver(delivery) == 200
    for stage in stages:
        stage.until(lambda stage=stage: not stage.pods(), what="its pods are gone")  # type: ignore[misc]
    say(f"{PUSHES} tasks at once: every stale pod is gone after {time.time() - began:.1f} s")
    ended = [stage.finished(each, deadline_s=200) for stage, each in zip(stages, deliveries, strict=True)]

    assert {each["status"]["phase"] for each in ended} == {"Succeeded"}
    times = intervals(ended)
    assert any(later[0] < earlier[1] for earlier, later in itertools.pairwise(times)), "they ran one after another"
    for stage, run in zip(stages, runs, strict=True):
        assert stage.labels() == {"remediation-in-progress"}
        assert stage.witness.when("SIGTERM", job_name(run)) is not None
        assert stage.record()["phase"] == "completed"

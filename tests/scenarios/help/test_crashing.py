"""A helper that dies, loses its Lease or gets a bad answer at any call; and helpers at the same time as the owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome, Phase
from tests.doubles.clock import ManualClock
from tests.doubles.github import GitHub as GitHubDouble
from tests.doubles.github import serve
from tests.doubles.kubernetes import Fault
from tests.support.fault_injection import Crash, crash_at_github, raise_crash
from tests.support.harness import DEFAULTS, NEW, OLD, REPOSITORY, TOKEN, Scene, Workflow

HELPER, HELPED = 7, 8


@contextmanager
def two_tasks() -> Iterator[tuple[Scene, Workflow, Workflow]]:
    """Two tasks with a stale agent and a kept one each, and the Workflows of a push to each."""
    clock = ManualClock()
    github = GitHubDouble(clock=clock.timestamp, sleep=clock.sleep)
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress"])
    github.add_token(TOKEN)
    for task in (HELPER, HELPED):
        github.add_pull_request(head=f"task-{task}-work", sha=OLD, labels=["ready-for-qa"])
    with serve(github) as url:
        scene = Scene(github=github, github_url=url, clock=clock)
        for task in (HELPER, HELPED):
            scene.agent(task=task)
        scene.later(6)
        workflows = []
        for task in (HELPER, HELPED):
            github.push(f"task-{task}-work", NEW)
            workflows.append(scene.workflow(task=task))
        scene.later(2)
        for task in (HELPER, HELPED):
            scene.agent(task=task, name=f"kept-{task}")
        scene.later(4)
        scene.api.calls.clear()
        yield scene, workflows[0], workflows[1]


def check(scene: Scene) -> None:
    """Each task is as it would be without help."""
    assert scene.runs() == {f"kept-{task}" for task in (HELPER, HELPED)}
    for task, number in ((HELPER, 1), (HELPED, 2)):
        record = scene.record(task=task)
        assert (record.phase, record.labels) == (Phase.COMPLETED, LabelOutcome.MOVED)
        assert not any(agent.unproven for agent in record.agents)
        assert scene.lease(task=task)["spec"]["holderIdentity"] == ""
        assert set(scene.github.labels(number)) == {"remediation-in-progress"}
        assert len(scene.github.comments(number)) == 1


def finish(scene: Scene, *workflows: Workflow) -> None:
    """Argo runs every Workflow to its end."""
    for workflow in workflows:
        assert scene.play(workflow) is Exit.DONE
    check(scene)


def count_calls() -> tuple[int, int]:
    with two_tasks() as (scene, helper, helped):
        assert scene.attempt(helper) is Exit.DONE
        check(scene)
        calls = len(scene.api.calls), len(scene.github.calls)
        finish(scene, helped)
        return calls


KUBERNETES_CALLS, GITHUB_CALLS = count_calls()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_helper_that_dies_at_any_call_is_succeeded_by_the_own_workflows(call: int, moment: str) -> None:
    with two_tasks() as (scene, helper, helped):
        hooks: dict[str, Any] = {moment: raise_crash}
        scene.api.faults.add(Fault(nth=call, **hooks))
        with pytest.raises(Crash):
            scene.attempt(helper, pod="crashed")
        scene.end_pod("crashed", phase="Failed")
        finish(scene, helped, helper)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, GITHUB_CALLS + 1))
def test_a_helper_that_dies_at_any_call_to_github_is_succeeded_by_the_own_workflows(
    monkeypatch: pytest.MonkeyPatch, call: int, moment: str
) -> None:
    with two_tasks() as (scene, helper, helped):
        crash_at_github(monkeypatch, call=call, moment=moment)
        with pytest.raises(Crash):
            scene.attempt(helper, pod="crashed")
        scene.end_pod("crashed", phase="Failed")
        finish(scene, helped, helper)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"lose": "request"}, id="reset before"),
        pytest.param({"lose": "reply"}, id="reset after"),
        pytest.param({"status": 500, "reason": "InternalError"}, id="500"),
        pytest.param({"status": 429, "reason": "TooManyRequests", "headers": {"Retry-After": "2"}}, id="429"),
        pytest.param({"status": 409, "reason": "Conflict"}, id="409"),
        pytest.param({"status": 403, "reason": "Forbidden", "times": 5}, id="403"),
    ],
)
@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_bad_answer_to_any_call_is_survived_or_left_to_the_own_workflow(call: int, answer: dict[str, Any]) -> None:
    with two_tasks() as (scene, helper, helped):
        scene.api.faults.add(Fault(nth=call, **answer))
        scene.attempt(helper)
        scene.api.faults.clear()
        finish(scene, helper, helped)


@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_helper_that_pauses_at_any_call_harms_nothing(call: int) -> None:
    """It stops for 35 s while the helped push's own Workflow goes all the way."""
    with two_tasks() as (scene, helper, helped):
        done: list[Exit] = []

        def overtaken(_: object) -> None:
            if done:
                return
            done.append(Exit.BUG)
            scene.clock.sleep(DEFAULTS.lease.duration_s + 5)
            done[0] = scene.play(helped)

        scene.api.faults.add(Fault(nth=call, after=overtaken))
        scene.attempt(helper)
        assert done == [Exit.DONE]
        finish(scene, helper, helped)


@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_two_helpers_and_the_owner_at_the_same_time_do_the_work_once(call: int) -> None:
    """At any call of the first helper, a second one and the owner run to their ends."""
    with two_tasks() as (scene, helper, helped):
        begun: list[str] = []

        def meanwhile(_: object) -> None:
            if begun:
                return
            begun.append("others")
            second = scene.workflow(task=9)
            scene.attempt(second, pod="second")
            scene.attempt(helped, pod="owner")

        scene.api.faults.add(Fault(nth=call, before=meanwhile))
        scene.attempt(helper, pod="first")
        finish(scene, helper, helped)
        assert {agent.outcome for agent in scene.record(task=HELPED).agents} <= {"gone", "kept"}

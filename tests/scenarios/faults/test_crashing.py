"""A crash before or after every single call, and every bad answer to it: a retry finishes, the invariants hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome, Phase
from tests.doubles.clock import ManualClock
from tests.doubles.github import GitHub as GitHubDouble
from tests.doubles.github import serve
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.support.fault_injection import Crash, crash_at_github, raise_crash
from tests.support.harness import DEFAULTS, NEW, OLD, REPOSITORY, TOKEN, Scene, Workflow

AGENTS = DEFAULTS.namespaces.agents[0]
STATE = {"status": "InProgress", "unknown": [1, {"kept": True}]}


@contextmanager
def a_task() -> Iterator[tuple[Scene, Workflow, set[str]]]:
    """Two stale agents, an exempt one and a newer one; the workflow of a push; who has to be left at the end."""
    clock = ManualClock()
    github = GitHubDouble(clock=clock.timestamp, sleep=clock.sleep)
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress"])
    github.add_pull_request(head="task-7-work", sha=OLD, labels=["ready-for-qa", "team-a"])
    github.add_token(TOKEN)
    with serve(github) as url:
        scene = Scene(github=github, github_url=url, clock=clock)
        scene.api.create(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "task-7-state", "namespace": AGENTS},
                "data": {"state.json": json.dumps(STATE)},
            }
        )
        scene.agent(agent=TESS)
        scene.agent(agent=CLEO)
        kept = {scene.agent(agent=REX)["metadata"]["name"]}
        scene.later(6)
        github.push("task-7-work", NEW)
        workflow = scene.workflow()
        scene.later(2)
        kept.add(scene.agent(agent=TESS)["metadata"]["name"])
        scene.later(4)
        scene.api.calls.clear()
        yield scene, workflow, kept


def check(scene: Scene, kept: set[str]) -> None:
    """The invariants of the design at the end of every run."""
    assert scene.runs() == kept
    assert {pod["metadata"]["labels"]["task-id"] for pod in scene.api.list("pods", namespace=AGENTS)} <= {"7"}
    assert len(scene.api.list("pods", namespace=AGENTS)) == len(kept)
    assert set(scene.github.labels(1)) == {"remediation-in-progress", "team-a"}
    record = scene.record()
    assert (record.phase, record.labels) == (Phase.COMPLETED, LabelOutcome.MOVED)
    assert not any(agent.unproven for agent in record.agents)
    assert scene.lease()["spec"]["holderIdentity"] == ""
    state = json.loads(scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"]["state.json"])
    assert state["unknown"] == STATE["unknown"]
    assert not state.get("cancellation_in_progress")
    (comment,) = scene.github.comments(1)
    assert "**2 agents stopped:**" in comment.body


def crashing(run: Callable[[], object]) -> bool:
    """Run something that may crash; whether it did."""
    try:
        run()
    except Crash:
        return True
    return False


def count_calls() -> tuple[int, int]:
    with a_task() as (scene, workflow, kept):
        assert scene.play(workflow) is Exit.DONE
        check(scene, kept)
        return len(scene.api.calls), len(scene.github.calls)


KUBERNETES_CALLS, GITHUB_CALLS = count_calls()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_crash_at_any_call_is_finished_by_a_retry(call: int, moment: str) -> None:
    with a_task() as (scene, workflow, kept):
        hooks: dict[str, Any] = {moment: raise_crash}
        scene.api.faults.add(Fault(nth=call, **hooks))
        assert crashing(lambda: scene.attempt(workflow, pod="crashed"))
        scene.end_pod("crashed", phase="Failed")
        assert scene.play(workflow) is Exit.DONE
        check(scene, kept)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, GITHUB_CALLS + 1))
def test_a_crash_at_any_call_to_github_is_finished_by_a_retry(
    monkeypatch: pytest.MonkeyPatch, call: int, moment: str
) -> None:
    with a_task() as (scene, workflow, kept):
        crash_at_github(monkeypatch, call=call, moment=moment)
        assert crashing(lambda: scene.attempt(workflow, pod="crashed"))
        scene.end_pod("crashed", phase="Failed")
        assert scene.play(workflow) is Exit.DONE
        check(scene, kept)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"lose": "request"}, id="reset before"),
        pytest.param({"lose": "reply"}, id="reset after"),
        pytest.param({"status": 500, "reason": "InternalError"}, id="500"),
        pytest.param({"status": 503, "reason": "ServiceUnavailable"}, id="503"),
        pytest.param({"status": 429, "reason": "TooManyRequests", "headers": {"Retry-After": "2"}}, id="429"),
        pytest.param({"status": 409, "reason": "Conflict"}, id="409"),
    ],
)
@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_bad_answer_to_any_call_is_survived_or_retried(call: int, answer: dict[str, Any]) -> None:
    with a_task() as (scene, workflow, kept):
        scene.api.faults.add(Fault(nth=call, **answer))
        assert scene.play(workflow) is Exit.DONE
        check(scene, kept)


@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_refusal_of_a_moment_at_any_call_costs_no_attempt(call: int) -> None:
    """By an API server that has just started: it does not know the Roles yet."""
    with a_task() as (scene, workflow, kept):
        scene.api.faults.add(Fault(nth=call, status=403, reason="Forbidden"))
        assert scene.attempt(workflow) is Exit.DONE
        assert scene.record().attempts == 1
        check(scene, kept)


@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_pause_past_the_lease_at_any_call_harms_nothing(call: int) -> None:
    """The holder stops for 35 s while another attempt, of a newer push, goes all the way."""
    with a_task() as (scene, workflow, kept):
        newer: list[Exit] = []

        def overtaken(_: object) -> None:
            if newer:
                return
            newer.append(Exit.BUG)
            scene.clock.sleep(DEFAULTS.lease.duration_s + 5)
            newer[0] = scene.attempt(workflow, pod="other")

        scene.api.faults.add(Fault(nth=call, after=overtaken))
        scene.play(workflow)
        assert scene.play(workflow) is Exit.DONE
        check(scene, kept)

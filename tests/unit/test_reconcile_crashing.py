"""A pass that crashes before or after any call, or gets any bad answer: nothing is worse, and later passes finish."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from steps import tries
from steps.cancel import cancel
from steps.errors import StepError
from steps.findings import Kind
from steps.github import GitHub
from steps.hold import PHASE, RECORD, TASK
from steps.lease import lease_name
from steps.plan import Action
from steps.push import Push, TaskId
from steps.record import Labels, Phase, Record, dump, parse
from steps.state import EPOCH
from tests.doubles import argo_controller
from tests.doubles.clock import ManualClock
from tests.doubles.github import GitHub as GitHubDouble
from tests.doubles.github import serve
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.runs import REX
from tests.scene import DEFAULTS, NEW, OLD, REPOSITORY, TOKEN, Scene

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents
STUCK, STALE, ORPHANED, STRAY, IDLE, CORRUPT, UNREADABLE, LOST = 7, 8, 9, 10, 11, 12, 13, 14
CANNOT_BE_MENDED = {Kind.CORRUPT_STATE, Kind.UNREADABLE_RECORD}


class Crash(BaseException):
    """The process is gone: nothing of it runs any more, no clean-up either."""


def raise_crash(_: object = None) -> None:
    raise Crash


def name_of(task: int) -> str:
    return lease_name(repository=GIVEN.repository, task=TaskId(str(task)))


def put_lease(scene: Scene, record: Record, *, task: int, text: str = "", holder: str = "", idle_s: float = 0) -> None:
    """A task that was dealt with."""
    push = replace(record.push, task=TaskId(str(task)), ref=f"refs/heads/task-{task}-work")
    renewed_at = (scene.clock.now() - timedelta(seconds=idle_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    metadata = {
        "name": name_of(task),
        "namespace": HOME,
        "labels": {"app.kubernetes.io/managed-by": "agent-cancellation", TASK: str(task), PHASE: "completed"},
        "annotations": {RECORD: text or dump(replace(record, push=push))},
    }
    spec = {"holderIdentity": holder, "leaseTransitions": 3, "renewTime": renewed_at}
    scene.api.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec})


def put_state(scene: Scene, text: str, *, task: int) -> None:
    metadata = {"name": f"task-{task}-state", "namespace": AGENTS, "annotations": {EPOCH: "3"}}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state.json": text}})


@contextmanager
def a_world() -> Iterator[tuple[Scene, set[str]]]:
    """One task of each kind of trouble; and who has to be left at the end."""
    clock = ManualClock()
    github = GitHubDouble(clock=clock.timestamp, sleep=clock.sleep)
    github.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress"])
    github.add_pull_request(head="task-7-work", sha=OLD, labels=["ready-for-qa"])
    github.add_token(TOKEN)
    with serve(github) as url:
        scene = Scene(github=github, github_url=url, clock=clock)
        for task in (STUCK, STALE, LOST):
            scene.agent(task=task)
        kept = {scene.agent(agent=REX, task=task)["metadata"]["name"] for task in (STUCK, STALE, LOST)}
        scene.later(3)
        github.push("task-7-work", NEW)
        github.push("task-14-work", NEW)
        workflow = scene.workflow()
        scene.later(1)
        kept |= {scene.agent(task=task)["metadata"]["name"] for task in (STUCK, STALE, LOST)}
        scene.later(2)
        scene.step(cancel, workflow, pod="terminated")
        scene.end_pod("terminated", phase="Failed")
        scene.argo.mark(workflow.name, argo_controller.FAILED)
        done = replace(
            scene.record(), phase=Phase.COMPLETED, labels=Labels.NO_PULL_REQUEST, pull_request=None, agents=()
        )
        clock.jump(310)
        put_lease(scene, done, task=STALE)
        put_lease(scene, done, task=ORPHANED, holder="w/u/gone", idle_s=100)
        put_lease(scene, done, task=STRAY)
        put_state(scene, '{"cancellation_in_progress": true, "kept": 1}', task=STRAY)
        put_lease(scene, done, task=IDLE, idle_s=31 * 86400)
        put_state(scene, "{}", task=IDLE)
        put_state(scene, "{corrupt", task=CORRUPT)
        put_lease(scene, done, task=UNREADABLE, text="{unreadable")
        scene.sweep()
        scene.api.calls.clear()
        scene.github.calls.clear()
        yield scene, kept


GIVEN = Push(
    repository=REPOSITORY,  # type: ignore[arg-type]
    task=TaskId("7"),
    ref="",
    sha=NEW,  # type: ignore[arg-type]
    pushed_at=ManualClock().now(),
    correlation_id="",
    reason="",
    dry_run=False,
    requested_by="",
)


def records(scene: Scene) -> dict[str, Record]:
    leases = {lease["metadata"]["name"]: lease["metadata"] for lease in scene.api.list("leases", namespace=HOME)}
    return {name: parse(each["annotations"][RECORD]) for name, each in leases.items() if name != name_of(UNREADABLE)}


def finish(scene: Scene) -> None:
    """Later passes, and what they submit."""
    for _ in range(6):
        scene.clock.jump(121)
        intents = scene.reconcile()
        scene.run_repairs()
        if {intent.finding.kind for intent in intents} <= CANNOT_BE_MENDED:
            return
    raise AssertionError(f"not finished: {intents}")


def check(scene: Scene, kept: set[str]) -> None:
    assert scene.runs() == kept
    assert set(scene.github.labels(1)) == {"remediation-in-progress"}
    found = records(scene)
    assert {record.phase for record in found.values()} == {Phase.COMPLETED}
    leases = scene.api.list("leases", namespace=HOME)
    assert {lease["spec"]["holderIdentity"] for lease in leases} == {""}
    assert set(found) == {name_of(task) for task in (STUCK, STALE, ORPHANED, STRAY, LOST)}, "the idle one is gone"
    states = {each["metadata"]["name"]: each for each in scene.api.list("configmaps", namespace=AGENTS)}
    assert json.loads(states["task-10-state"]["data"]["state.json"])["cancellation_in_progress"] is False
    assert json.loads(states["task-10-state"]["data"]["state.json"])["kept"] == 1
    assert EPOCH not in (states["task-11-state"]["metadata"].get("annotations") or {})
    assert set(states["task-12-state"]["data"].values()) == {"{corrupt"}
    unreadable = scene.api.get("leases", name_of(UNREADABLE), namespace=HOME)["metadata"]
    assert unreadable["labels"][tries.ATTENTION] == "true"
    assert unreadable["annotations"][RECORD] == "{unreadable"
    assert len(scene.api.list("events", namespace=HOME)) <= 1, "a person is called once"
    intents = scene.reconcile()
    assert [intent.action for intent in intents] == [Action.REPORT] * 2


def count_calls() -> tuple[int, int]:
    with a_world() as (scene, kept):
        scene.reconcile()
        calls = len(scene.api.calls), len(scene.github.calls)
        finish(scene)
        check(scene, kept)
        return calls


KUBERNETES_CALLS, GITHUB_CALLS = count_calls()


def interrupted_pass(scene: Scene) -> None:
    """A pass that something happens to; the pod is gone by the next minute whatever it was."""
    with suppress(Crash, StepError):
        scene.reconcile()
    scene.api.delete("pods", "reconcile", namespace=HOME, gracePeriodSeconds=0)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_pass_that_crashes_at_any_call_is_finished_by_later_ones(call: int, moment: str) -> None:
    with a_world() as (scene, kept):
        hooks: dict[str, Any] = {moment: raise_crash}
        scene.api.faults.add(Fault(nth=call, **hooks))
        interrupted_pass(scene)
        finish(scene)
        check(scene, kept)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"lose": "request"}, id="reset before"),
        pytest.param({"lose": "reply"}, id="reset after"),
        pytest.param({"status": 500, "reason": "InternalError"}, id="500"),
        pytest.param({"status": 429, "reason": "TooManyRequests", "headers": {"Retry-After": "2"}}, id="429"),
        pytest.param({"status": 409, "reason": "Conflict"}, id="409"),
        pytest.param({"status": 403, "reason": "Forbidden"}, id="403"),
    ],
)
@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_bad_answer_to_any_call_is_made_good_by_later_passes(call: int, answer: dict[str, Any]) -> None:
    with a_world() as (scene, kept):
        scene.api.faults.add(Fault(nth=call, **answer))
        interrupted_pass(scene)
        finish(scene)
        check(scene, kept)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, GITHUB_CALLS + 1))
def test_a_pass_that_crashes_at_any_call_to_github_is_finished_by_later_ones(
    monkeypatch: pytest.MonkeyPatch, call: int, moment: str
) -> None:
    real, seen = GitHub._ask, iter(range(1, 1000))

    def ask(self: GitHub, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        now = next(seen)
        if (now, moment) == (call, "before"):
            raise Crash
        answer = real(self, *arguments, **more)
        if (now, moment) == (call, "after"):
            raise Crash
        return answer

    with a_world() as (scene, kept):
        monkeypatch.setattr(GitHub, "_ask", ask)
        interrupted_pass(scene)
        finish(scene)
        check(scene, kept)

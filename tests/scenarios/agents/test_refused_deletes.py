"""A refused DELETE does not affect the other agents: each one is verified and forced separately."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.controller import Cleanup, Controller
from tests.doubles.platform.kubelet import Ending
from tests.support.harness import DEFAULTS, NEW, Scene

AGENTS = DEFAULTS.namespaces.agents[0]
MOVED = "remediation-in-progress"


def working(scene: Scene) -> set[str]:
    """Names of the active pods."""
    return {
        pod["metadata"]["name"]
        for pod in scene.api.list("pods", namespace=AGENTS)
        if pod["status"]["phase"] == "Running"
    }


def forced(scene: Scene) -> set[str]:
    """Names of the agents' pods that were deleted without grace."""
    return {
        call.path.rpartition("/")[2]
        for call in scene.api.calls
        if call.method == "DELETE"
        and f"/namespaces/{AGENTS}/pods/" in call.path
        and call.body.get("gracePeriodSeconds") == 0
    }


def let_jobs_outlive_their_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without blockOwnerDeletion, the object of a run is gone at once, while its pod still runs."""
    real = Controller.job

    def without_block(self: Controller, run: Any) -> dict[str, Any]:  # noqa: ANN401 - passed on
        job: dict[str, Any] = real(self, run)
        job["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] = False
        return job

    monkeypatch.setattr(Controller, "job", without_block)


@pytest.mark.parametrize("refusal", ["500 three times", "changes three times"])
def test_an_agent_is_not_called_gone_if_another_could_not_be_deleted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    let_jobs_outlive_their_runs(monkeypatch)
    scene.controller.grace_s, scene.kubelet.ending = 600, Ending.IGNORES
    scene.agent(name="run-a")
    scene.agent(name="run-b")
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    if refusal == "500 three times":
        message = "etcdserver: request timed out"
        scene.api.faults.add(Fault(method="DELETE", path="/coderuns/run-b", status=500, message=message, times=3))
    else:
        beats = iter("abc")

        def beat(_: object) -> None:
            status = {"status": {"message": next(beats)}}
            scene.api.patch("coderuns", "run-b", status, namespace=AGENTS, subresource="status")

        scene.api.faults.add(Fault(method="DELETE", path="/coderuns/run-b", before=beat, times=3))
    at_work: list[str] = []
    scene.github.before(lambda: at_work.extend(working(scene)), method="POST", path="/labels$")
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    outcomes = {agent.name: agent.outcome for agent in scene.record().agents}
    assert outcomes == {"run-a": RunOutcome.GONE, "run-b": RunOutcome.STUCK}
    assert not any(pod.startswith("run-a") for pod in working(scene)), "run-a was looked for before it was called gone"
    assert MOVED not in scene.github.labels(1)
    assert scene.play(workflow) is Exit.DONE
    assert at_work == []
    assert MOVED in scene.github.labels(1)


def test_a_pod_keeps_its_grace_if_the_delete_of_its_run_was_refused(scene: Scene) -> None:
    scene.agent(name="run-a")
    scene.agent(name="run-b")
    scene.later(5)
    scene.controller.grace_s, scene.controller.cleanup = 600, Cleanup.HANGING
    scene.github.push("task-7-work", NEW)
    message = 'failed calling webhook "validate.example.com": connection refused'
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/run-b", status=500, message=message, times=3))
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    assert not any(pod.startswith("run-b") for pod in forced(scene))
    stuck = {agent.name: agent.reason for agent in scene.record().agents}
    assert message in stuck["run-b"]
    assert stuck["run-a"].startswith("its object still exists in phase Running; its finalizers are ")


def test_the_grace_of_each_run_begins_when_its_own_delete_was_accepted(scene: Scene) -> None:
    scene.agent(name="run-a")
    scene.agent(name="run-b")
    scene.later(5)
    scene.controller.grace_s, scene.kubelet.ending = 600, Ending.DEAD_NODE
    scene.github.push("task-7-work", NEW)
    busy = Fault(method="DELETE", path="/coderuns/run-b", status=429, headers={"Retry-After": "20"}, times=1)
    scene.api.faults.add(busy)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    deletes = [call for call in scene.api.calls if call.method == "DELETE"]
    asked = {run: max(call.at for call in deletes if call.path.endswith(f"/{run}")) for run in ("run-a", "run-b")}
    without_grace = [call for call in deletes if call.body.get("gracePeriodSeconds") == 0]
    forced_at = {run: min(call.at for call in without_grace if f"/pods/{run}" in call.path) for run in asked}
    assert (asked["run-b"] - asked["run-a"]).total_seconds() >= 20
    waited = {run: (forced_at[run] - asked[run]).total_seconds() for run in asked}
    assert all(0 <= seconds - DEFAULTS.stop.grace_s < 5 for seconds in waited.values()), waited


DENIED = 'admission webhook "validate.example.com" denied the request: protected'
RBAC = 'coderuns.agents.platform "run-b" is forbidden: User "steps" cannot delete resource'


@pytest.mark.parametrize(
    ("status", "reason", "message", "ends_as"),
    [
        pytest.param(403, "Forbidden", DENIED, Exit.FORBIDDEN, id="an admission policy"),
        pytest.param(403, "Forbidden", RBAC, Exit.FORBIDDEN, id="a Role"),
        pytest.param(422, "Invalid", "x", Exit.BAD_INPUT, id="an invalid request"),
        pytest.param(500, "InternalError", "boom", Exit.TRY_AGAIN, id="a server error"),
    ],
)
def test_the_other_agents_are_proven_gone_although_one_cannot_be_deleted(
    scene: Scene, status: int, reason: str, message: str, ends_as: Exit
) -> None:
    scene.controller.grace_s, scene.kubelet.ending = 600, Ending.IGNORES
    for name in ("run-a", "run-b", "run-c"):
        scene.agent(name=name)
    scene.later(10)
    scene.github.push("task-7-work", NEW)
    fault = Fault(method="DELETE", path="/coderuns/run-b", status=status, reason=reason, message=message, times=0)
    scene.api.faults.add(fault)
    assert scene.attempt(scene.workflow()) is ends_as
    agents = {agent.name: agent for agent in scene.record().agents}
    assert {name: agent.outcome for name, agent in agents.items()} == {
        "run-a": RunOutcome.GONE,
        "run-b": RunOutcome.STUCK,
        "run-c": RunOutcome.GONE,
    }
    assert agents["run-b"].reason.startswith("not deleted: ")
    assert {pod.partition("-pod")[0][:5] for pod in working(scene)} == {"run-b"}
    assert not any(pod.startswith("run-b") for pod in forced(scene))
    assert MOVED not in scene.github.labels(1)


@pytest.mark.parametrize(
    ("status", "message", "headers"),
    [
        pytest.param(403, DENIED, {}, id="an admission policy"),
        pytest.param(500, "failed calling webhook: context deadline exceeded", {}, id="a webhook that is down"),
        pytest.param(429, "too many requests", {"Retry-After": "7"}, id="a rate limit"),
    ],
)
@pytest.mark.parametrize("refused", ["run-a", "run-b"])
def test_the_pods_of_the_other_agents_are_forced_although_one_pod_cannot_be_deleted(
    scene: Scene, status: int, message: str, headers: dict[str, str], refused: str
) -> None:
    scene.controller.grace_s, scene.kubelet.ending = 600, Ending.IGNORES
    scene.agent(name="run-a")
    scene.agent(name="run-b")
    scene.later(10)
    scene.github.push("task-7-work", NEW)
    fault = Fault(method="DELETE", path=f"/pods/{refused}", status=status, message=message, headers=headers, times=0)
    scene.api.faults.add(fault)
    assert scene.attempt(scene.workflow()) is Exit.TRY_AGAIN
    other = {"run-a": "run-b", "run-b": "run-a"}[refused]
    agents = {agent.name: agent for agent in scene.record().agents}
    assert (agents[refused].outcome, agents[other].outcome) == (RunOutcome.STUCK, RunOutcome.GONE)
    assert "not deleted: " in agents[refused].reason
    assert not any(pod.startswith(other) for pod in working(scene))
    sent = [call.at for call in scene.api.calls if call.method == "DELETE" and f"/pods/{refused}" in call.path]
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(sent)]
    assert all(pause >= 0.5 for pause in pauses)
    assert status != 429 or all(pause >= 7 for pause in pauses)


def test_a_pod_that_was_refused_for_a_moment_is_forced_later(scene: Scene) -> None:
    scene.controller.grace_s, scene.kubelet.ending = 600, Ending.IGNORES
    scene.agent(name="run-a")
    scene.later(10)
    scene.github.push("task-7-work", NEW)
    scene.api.faults.add(Fault(method="DELETE", path="/pods/run-a", status=403, message=DENIED, times=3))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert working(scene) == set()
    assert MOVED in scene.github.labels(1)


@pytest.mark.parametrize(("delete", "ends_as"), [(True, Exit.DONE), (False, Exit.FORBIDDEN)])
def test_a_run_that_may_not_be_asked_to_stop_is_not_waited_for(scene: Scene, *, delete: bool, ends_as: Exit) -> None:
    please = {"metadata": {"annotations": {"stop": "please"}}}
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], stop_patch=please, delete=delete),))
    scene.agent(name="run-a")
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.api.faults.add(Fault(method="PATCH", path="/coderuns/run-a", status=403, message=DENIED, times=0))
    began = scene.clock.monotonic()
    assert scene.attempt(workflow) is ends_as
    assert scene.clock.monotonic() - began < DEFAULTS.stop.grace_s
    assert (scene.runs() == set()) is delete
    if not delete:
        assert scene.record().agents[0].reason.startswith("not asked to stop: ")

"""A refused DELETE does not affect the other agents: each one is verified and forced separately."""

from __future__ import annotations

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

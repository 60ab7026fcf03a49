"""A run that writes its status all the time, as an agent does that reports its progress."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.settings import RunKind
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, Scene
from tests.support.scenarios import AGENTS, MOVED

CODE_RUN = DEFAULTS.agents[0]
ASKED = replace(CODE_RUN, stop_patch={"metadata": {"annotations": {"stop": "please"}}}, delete=False)
HEARTBEAT_S, ANSWER_S = 0.9, 0.06


def busy_run(scene: Scene, kind: RunKind) -> str:
    """Start a run in one of thirty namespaces, which all take their time to be listed; its name."""
    spaces = tuple(f"team-{number}" for number in range(30))
    for name in spaces:
        scene.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    namespaces = replace(DEFAULTS.namespaces, agents=(AGENTS, *spaces))
    stop = replace(DEFAULTS.stop, parallel=1)
    scene.settings = replace(DEFAULTS, agents=(kind,), namespaces=namespaces, stop=stop)
    run: str = scene.agent()["metadata"]["name"]
    scene.later(60)
    last = [scene.clock.monotonic()]

    def report() -> None:
        found = scene.api.find("coderuns", run, namespace=AGENTS)
        if found and scene.clock.monotonic() - last[0] >= HEARTBEAT_S:
            last[0] = scene.clock.monotonic()
            asked = (found["metadata"].get("annotations") or {}).get("stop")
            status = {"lastUpdate": str(last[0]), **({"phase": "Failed"} if asked else {})}
            scene.api.patch("coderuns", run, {"status": status}, namespace=AGENTS, subresource="status")

    scene.clock.every(report)
    scene.api.faults.add(Fault(times=0, delay_s=ANSWER_S))
    return run


@pytest.mark.parametrize("kind", [CODE_RUN, ASKED], ids=["deleted", "asked to stop"])
def test_a_run_that_reports_each_second_is_stopped_at_the_first_attempt(scene: Scene, kind: RunKind) -> None:
    busy_run(scene, kind)
    scene.github.push("task-7-work", NEW)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    (agent,) = scene.record().agents
    assert agent.outcome is (RunOutcome.GONE if kind.delete else RunOutcome.FINISHED)
    assert set(scene.github.labels(1)) == MOVED


def test_a_run_that_reports_each_second_is_asked_again_at_once(scene: Scene) -> None:
    """An admission webhook is slow at first. By then, the pauses between two looks are as long as those of the run."""
    busy_run(scene, ASKED)
    scene.settings = replace(scene.settings, namespaces=DEFAULTS.namespaces)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.api.faults.add(Fault(method="PATCH", path="/coderuns/", times=8, delay_s=HEARTBEAT_S))
    assert scene.attempt(workflow) is Exit.DONE
    asked = [call.at for call in scene.api.calls if call.method == "PATCH" and "/coderuns/" in call.path]
    assert (asked[-1] - asked[0]).total_seconds() < DEFAULTS.stop.grace_s / 2

"""What happens seldom while agents are stopped: more of them than a record holds, refusals, and time that runs out."""

from __future__ import annotations

import pytest

from steps import record as records
from steps.errors import Exit
from steps.record import Outcome
from tests.doubles.kubernetes import Fault
from tests.doubles.kubernetes.messages import Request
from tests.scene import DEFAULTS, NEW, Scene

AGENTS = DEFAULTS.namespaces.agents


def pushed(scene: Scene) -> None:
    scene.later(5)
    scene.github.push("task-7-work", NEW)


@pytest.fixture
def many(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """More stale agents than a record holds."""
    monkeypatch.setattr(records, "MAX_AGENTS", 2)
    for _ in range(5):
        scene.agent()
    pushed(scene)
    return scene


def test_of_more_agents_than_a_record_holds_none_is_deleted_before_it_is_written_down(many: Scene) -> None:
    unwritten: list[str] = []

    def look(request: Request) -> None:
        name = request.path.rpartition("/")[2]
        if name not in {agent.name for agent in many.record().agents if agent.outcome is Outcome.STOPPING}:
            unwritten.append(name)

    many.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=look, times=0))
    assert many.attempt(many.workflow()) is Exit.DONE
    assert (unwritten, many.runs()) == ([], set())


def test_of_more_agents_than_a_record_holds_each_is_proven_gone_before_the_labels_move(many: Scene) -> None:
    for run in many.runs():
        # An orphan: when the run is gone, its Job and pod go on for as long as nobody looks for them.
        job = many.api.get("coderuns", run, namespace=AGENTS)["status"]["jobName"]
        (pod,) = many.api.list("pods", namespace=AGENTS, labels=f"batch.kubernetes.io/job-name={job}")
        many.api.patch("pods", pod["metadata"]["name"], {"metadata": {"ownerReferences": None}}, namespace=AGENTS)
    at_label: list[object] = []
    many.github.before(lambda: at_label.extend(many.api.list("pods", namespace=AGENTS)), method="POST", path="/labels$")
    assert many.play(many.workflow()) is Exit.DONE
    assert at_label == []

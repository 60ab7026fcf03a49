"""One push from claim to release, on the doubles."""

from __future__ import annotations

from steps.errors import Exit
from steps.record import Labels, Outcome, Phase
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.scene import NEW, Scene


def test_a_push_stops_the_stale_agents_and_moves_the_labels(scene: Scene) -> None:
    stale = {scene.agent(agent=agent)["metadata"]["name"] for agent in (TESS, CLEO)}
    exempt = scene.agent(agent=REX)["metadata"]["name"]
    scene.later(10)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.later(2)
    newer = scene.agent(agent=TESS)["metadata"]["name"]

    assert scene.play(workflow) is Exit.DONE

    assert scene.runs() == {exempt, newer}
    assert set(scene.github.labels(1)) == {"remediation-in-progress", "task-7", "team-a"}
    record = scene.record()
    assert record.phase is Phase.COMPLETED
    assert record.labels is Labels.MOVED
    assert {agent.name for agent in record.agents if agent.outcome is Outcome.GONE} == stale
    assert scene.lease()["spec"]["holderIdentity"] == ""

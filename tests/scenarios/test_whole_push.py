"""One push from claim to release, on the doubles: its effects, repetition and retries."""

from __future__ import annotations

import pytest

from steps.cancellation.execution import finish_execution
from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.domain.record import LabelOutcome, Phase
from steps.fail import fail
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import CLEO, REX, TESS
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, ago
from tests.support.scenarios import AGENTS, MOVED, pushed


def world(scene: Scene) -> tuple[object, ...]:
    """All state that a step can change."""
    kinds = ("leases", "configmaps", "coderuns", "jobs")
    namespaces = (DEFAULTS.namespaces.workflows, AGENTS)
    objects = [scene.api.list(kind, namespace=namespace) for kind in kinds for namespace in namespaces]
    return (*objects, set(scene.github.labels(1)))


def test_a_push_stops_the_stale_agents_and_moves_the_labels(scene: Scene) -> None:
    stale = {scene.agent(agent=agent)["metadata"]["name"] for agent in (TESS, CLEO)}
    exempt = scene.agent(agent=REX)["metadata"]["name"]
    elsewhere = scene.agent(repository="5dlabs/other")["metadata"]["name"]
    other_task = scene.agent(task=8)["metadata"]["name"]
    scene.later(10)
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)
    newer = scene.agent(agent=TESS)["metadata"]["name"]

    assert scene.play(workflow) is Exit.DONE

    assert scene.runs() == {exempt, elsewhere, other_task, newer}
    assert set(scene.github.labels(1)) == MOVED
    record = scene.record()
    assert record.phase is Phase.COMPLETED
    assert record.labels is LabelOutcome.MOVED
    assert {agent.name for agent in record.agents if agent.outcome is RunOutcome.GONE} == stale
    assert record.errors == ()
    assert scene.lease()["spec"]["holderIdentity"] == ""
    assert not [line for line in scene.events() if line.get("level") == "warning"]


def test_labels_move_only_after_the_pods_are_gone(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    pods_at_label = []
    scene.github.before(
        lambda: pods_at_label.extend(scene.api.list("pods", namespace=AGENTS)), method="POST", path="/labels$"
    )
    scene.kubelet.ending, scene.kubelet.exit_after_s = Ending.AFTER, 12.0
    assert scene.play(scene.workflow()) is Exit.DONE
    assert pods_at_label == []
    assert set(scene.github.labels(1)) == MOVED


def test_the_intent_is_written_before_the_first_delete(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    seen = []
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=lambda _: seen.append(scene.record())))
    scene.play(scene.workflow())
    assert seen[0].phase is Phase.IN_PROGRESS
    recorded = [(agent.name, agent.outcome, agent.reason) for agent in seen[0].agents]
    assert recorded == [(name, RunOutcome.STOPPING, "stale")]


def test_a_push_without_agents_still_moves_the_labels(scene: Scene) -> None:
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert set(scene.github.labels(1)) == MOVED
    assert scene.record().agents == ()


# Repetition and order.


def test_playing_the_same_event_again_changes_nothing(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    before = world(scene)
    scene.later(60)
    assert scene.play(workflow) is Exit.DONE
    assert world(scene) == before


def test_a_redelivery_an_hour_late_stops_no_newer_agent(scene: Scene) -> None:
    pushed(scene)
    pushed_at = ago(scene.clock, 0)
    scene.later(3600)
    newer = scene.agent()["metadata"]["name"]
    scene.later(5)
    assert scene.play(scene.workflow(pushed_at=pushed_at)) is Exit.DONE
    assert scene.runs() == {newer}


def test_a_repeated_push_stops_none_of_its_own_agents(scene: Scene) -> None:
    pushed(scene)
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    scene.later(5)
    fresh = scene.agent()["metadata"]["name"]
    scene.later(5)
    again = scene.workflow(pushed_at=workflow.push.pushed_at)
    assert scene.play(again) is Exit.DONE
    assert scene.runs() == {fresh}


def test_an_older_push_stops_no_agent_of_the_newer_push(scene: Scene) -> None:
    pushed(scene, NEW)
    pushed_at = ago(scene.clock, 0)
    scene.later(2)
    pushed(scene, NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    scene.later(3)
    fresh = scene.agent()["metadata"]["name"]
    scene.later(3)
    assert scene.play(scene.workflow(sha=NEW, pushed_at=pushed_at)) is Exit.DONE
    assert scene.runs() == {fresh}


def test_an_older_push_that_arrives_late_is_superseded(scene: Scene) -> None:
    pushed(scene, NEWER)
    older = ago(scene.clock, 300)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    before = world(scene)
    assert scene.play(scene.workflow(sha=NEW, before=OLD, pushed_at=older)) is Exit.DONE
    assert world(scene) == before
    assert any("superseded" in event.get("event", "") for event in scene.events())


@pytest.mark.parametrize("order", [(NEW, NEWER), (NEWER, NEW)], ids=["in order", "out of order"])
def test_two_pushes_in_one_second_end_with_the_labels_moved(scene: Scene, order: tuple[str, str]) -> None:
    stale = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene, NEW)
    pushed(scene, NEWER)
    workflows = [scene.workflow(sha=sha) for sha in order]
    assert [scene.play(workflow) for workflow in workflows] == [Exit.DONE, Exit.DONE]
    assert stale not in scene.runs()
    assert set(scene.github.labels(1)) == MOVED
    assert scene.record().push.sha == NEWER


def test_an_older_event_finishes_the_unfinished_record_of_a_newer_one(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene, NEW)
    older = scene.workflow(sha=NEW)
    scene.agent()
    scene.later(5)
    pushed(scene, NEWER)
    newer = scene.workflow(sha=NEWER)
    scene.begin(newer, pod="crashed")
    scene.end_pod("crashed", phase="Failed")

    assert scene.play(older) is Exit.DONE

    record = scene.record()
    assert (record.push.sha, record.phase, record.attempts) == (NEWER, Phase.COMPLETED, 2)
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == MOVED


def test_the_exit_hook_leaves_the_record_of_another_workflow_alone(scene: Scene) -> None:
    pushed(scene)
    failed = scene.workflow()
    scene.begin(failed, pod="failed")
    scene.end_pod("failed", phase="Failed")
    scene.later(5)
    newer = scene.workflow(sha=NEWER)
    started = scene.begin(newer, pod="at-work")
    before = scene.lease()
    assert scene.step(fail, failed, pod="exit-hook") is Exit.DONE
    assert scene.lease() == before
    assert finish_execution(started).finished


def test_a_dry_run_reports_its_plan_and_writes_nothing(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    pushed(scene)
    before = world(scene)
    assert scene.play(scene.workflow(dry_run=True)) is Exit.DONE
    assert world(scene) == before
    assert {call.method for call in scene.api.calls} == {"GET"}
    assert name in scene.output.getvalue()


@pytest.mark.parametrize("stale", [0, 1, 5, 20])
def test_a_cancellation_costs_a_bounded_number_of_calls(scene: Scene, stale: int) -> None:
    for _ in range(stale):
        scene.agent()
    scene.later(90)  # of a younger agent, GitHub's list of pushes is asked for as well
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    first_delete = next((call.sequence for call in scene.api.calls if call.method == "DELETE"), 0)
    wait = [call for call in scene.api.calls if call.query.get("limit") and call.sequence > first_delete]
    assert len(scene.api.calls) - (len(wait) if stale else 0) <= 12 + 2 * stale
    assert len(scene.github.calls) == 5 + 2, "labels; the comment is looked for, and made"
    scene.later(2)
    scene.github.calls.clear()
    pushed(scene, NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert len(scene.github.calls) == 5 + 1, "it is known, and edited"

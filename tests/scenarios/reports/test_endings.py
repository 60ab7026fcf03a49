"""How the steps of a push end: what stands in the record, the log, the state and the preview then, to the letter."""

from __future__ import annotations

import json

import pytest

from steps.cancellation.execution import StartedExecution, finish_execution
from steps.core.errors import Exit, LockLostError
from steps.domain.record import LabelOutcome, Phase
from steps.fail import fail
from steps.kube.events import EventReason
from tests.doubles.github import fail as github_fails
from tests.support.harness import NEW, NEWER, Scene, Workflow
from tests.support.scenarios import AGENTS, HOME, stale_push


def begun(scene: Scene) -> tuple[Workflow, StartedExecution]:
    """A push whose DELETEs are sent."""
    workflow = stale_push(scene)
    return workflow, scene.begin(workflow, pod="pod")


def line(scene: Scene, event: str) -> dict[str, object]:
    """The one line of the log of this kind."""
    (found,) = (each for each in scene.events() if each.get("event") == event)
    return found


# It went well.


def test_what_is_done_under_a_lease_is_logged_with_its_epoch(scene: Scene) -> None:
    assert scene.play(stale_push(scene)) is Exit.DONE
    epoch = scene.lease()["spec"]["leaseTransitions"]
    (stopped,) = (agent.name for agent in scene.record().agents)
    gone, completed = line(scene, "agents proven gone"), line(scene, "cancellation completed")
    assert (gone["epoch"], gone["count"], gone["agents"]) == (epoch, 1, [stopped])
    assert (completed["epoch"], completed["labels"]) == (epoch, "moved")


@pytest.mark.parametrize("skipped", [False, True])
def test_a_record_that_is_completed_says_when(scene: Scene, *, skipped: bool) -> None:
    workflow = stale_push(scene)
    if skipped:
        scene.github.edit_labels(1, add=["skip-automation"])
    before = scene.clock.now()
    assert scene.play(workflow) is Exit.DONE
    record = scene.record()
    assert record.phase is Phase.COMPLETED
    assert record.finished_at is not None
    assert before <= record.finished_at <= scene.clock.now()


def test_all_that_were_ended_while_they_waited_are_named(scene: Scene) -> None:
    first = stale_push(scene)
    waiting = sorted(scene.workflow(pushed_at=first.push.pushed_at).name for _ in range(2))
    assert scene.play(first) is Exit.DONE
    (event,) = scene.kubernetes_events(EventReason.COMPLETED)
    said = f"push {NEW[:12]} to task-7-work: stale runs gone: 1; labels moved; ended superseded workflows: "
    assert event["message"] == said + ", ".join(waiting)


def test_a_push_that_worked_for_the_head_leaves_no_labels_to_another_push(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    older = scene.workflow()
    scene.later(2)
    head = stale_push(scene, NEWER)
    assert scene.play(older) is Exit.DONE
    assert (scene.record().push, scene.record().labels, scene.record().left_to) == (head.push, LabelOutcome.MOVED, "")


# The Lease is lost while the agents end.


def test_a_missing_lease_is_logged(scene: Scene) -> None:
    _, started = begun(scene)
    scene.api.delete("leases", scene.lease()["metadata"]["name"], namespace=HOME)
    with pytest.raises(LockLostError, match="was deleted while it was held"):
        finish_execution(started)


def test_a_lease_of_another_holder_is_logged(scene: Scene) -> None:
    _, started = begun(scene)
    taken = {"spec": {"holderIdentity": "w/u/thief", "leaseTransitions": 9}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], taken, namespace=HOME)
    with pytest.raises(LockLostError, match="the Lease is held by w/u/thief in epoch 9"):
        finish_execution(started)
    assert scene.lease()["spec"]["holderIdentity"] == "w/u/thief"


# The exit hook.


def test_a_failure_is_in_the_state_document_and_in_the_log(scene: Scene) -> None:
    metadata = {"name": "task-7-state", "namespace": AGENTS}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state.json": "{}"}})
    workflow = stale_push(scene)
    scene.github.fault(github_fails(403), method="GET", path="/pulls$")
    assert scene.play(workflow) is Exit.FORBIDDEN
    record = scene.record()
    assert (record.phase, len(record.errors), record.finished_at) == (Phase.FAILED, 1, scene.clock.now())
    document = json.loads(scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"]["state.json"])
    assert document["error_messages"] == [f"cancellation for push {NEW[:12]} to task-7-work failed: {record.errors[0]}"]
    logged = line(scene, "cancellation failed")
    assert (logged["level"], logged["attempts"], logged["last"]) == ("error", 1, record.errors[0])
    assert logged["epoch"] == scene.lease()["spec"]["leaseTransitions"]


def test_the_exit_hook_records_a_pod_that_died_without_a_log_line(scene: Scene) -> None:
    workflow, _ = begun(scene)
    scene.end_pod("pod", phase="Failed")
    scene.later(1)
    assert scene.step(fail, workflow, pod="hook") is Exit.DONE
    record = scene.record()
    assert record.errors == ("the pod ended without a reason",)
    assert (record.phase, record.finished_at) == (Phase.FAILED, scene.clock.now())

"""Statements of the threat model and the upgrade guide about tampering that no other test shows."""

from __future__ import annotations

import json

from steps.cancellation.state_update import STATE_EPOCH
from steps.core.errors import Exit
from tests.doubles.platform.runs import REX
from tests.support.broken_cluster import name_of
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents[0]


def put_state(scene: Scene, *, task: int, epoch: str = "") -> None:
    """A task's state document."""
    metadata = {"name": f"task-{task}-state", "namespace": AGENTS}
    annotations = {"annotations": {STATE_EPOCH: epoch}} if epoch else {}
    document = {"data": {"state.json": '{"cancellation_in_progress": false}'}}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata | annotations} | document)


def test_a_forged_epoch_blocks_only_its_task_and_is_reported(scene: Scene) -> None:
    put_state(scene, task=7, epoch="999999")
    held_up = scene.agent()["metadata"]["name"]
    scene.agent(task=8)
    exempt = scene.agent(task=8, agent=REX)["metadata"]["name"]
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    labels = set(scene.github.labels(1))
    assert scene.play(scene.workflow()) is Exit.TRY_AGAIN
    assert scene.play(scene.workflow(task=8)) is Exit.DONE
    assert scene.runs() == {held_up, exempt}
    assert set(scene.github.labels(1)) == labels
    assert "the state document was written in epoch 999999" in scene.output.getvalue()

    metadata = {"metadata": {"annotations": {STATE_EPOCH: None}}}
    scene.api.patch("configmaps", "task-7-state", metadata, namespace=AGENTS)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {exempt}


def test_after_a_lease_was_deleted_by_hand_the_next_push_is_processed_as_the_first(scene: Scene) -> None:
    put_state(scene, task=7)
    for sha in (NEW, NEWER):
        scene.agent()
        scene.later(5)
        scene.github.push("task-7-work", sha)
        assert scene.play(scene.workflow(sha=sha)) is Exit.DONE
    scene.api.delete("leases", name_of(7), namespace=HOME)
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow(sha=NEW)) is Exit.DONE
    assert scene.runs() == set()
    written = scene.api.get("configmaps", "task-7-state", namespace=AGENTS)
    assert written["metadata"]["annotations"][STATE_EPOCH] == "1"
    assert json.loads(written["data"]["state.json"])["cancellation_in_progress"] is False

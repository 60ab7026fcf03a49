"""What the threat model and the upgrade guide say of tampering, where no other test does."""

from __future__ import annotations

from steps.cancellation.state_update import STATE_EPOCH
from steps.core.errors import Exit
from tests.doubles.platform.runs import REX
from tests.support.broken_cluster import name_of
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents


def put_state(scene: Scene, *, task: int, epoch: str = "") -> None:
    """A task's state document."""
    metadata = {"name": f"task-{task}-state", "namespace": AGENTS}
    annotations = {"annotations": {STATE_EPOCH: epoch}} if epoch else {}
    document = {"data": {"state.json": '{"cancellation_in_progress": false}'}}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata | annotations} | document)


def test_an_epoch_that_somebody_made_up_holds_up_that_task_alone_and_says_so(scene: Scene) -> None:
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


def test_a_lease_that_was_deleted_by_hand_is_refused_by_the_state_document_and_says_so(scene: Scene) -> None:
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
    code = scene.attempt(scene.workflow(sha=NEW))
    assert code is Exit.TRY_AGAIN
    assert "the state document was written in epoch 2, this holder has epoch 1" in scene.output.getvalue()

"""A push that the previous version began, with two containers in its pod, and that this version finishes."""

from __future__ import annotations

import json

import pytest

from steps.core.errors import Exit
from steps.core.keys import RECORD
from steps.domain.record import LabelOutcome, Phase
from tests.support.harness import Scene, Workflow
from tests.support.scenarios import HOME, MOVED, stale_push

NEW_KEYS = ("helper", "branches", "older")
NEW_PUSH_KEYS = ("before",)
NEW_AGENT_KEYS = ("namespace", "owned", "kept_for")


def begun_before_the_upgrade(scene: Scene, *, proven: bool) -> Workflow:
    """The previous version's pod died after its first container, or in it. Its record lacks the new keys."""
    workflow = stale_push(scene)
    scene.begin(workflow, pod="old-pod")
    if proven:
        scene.later(10)
    lease = scene.lease()
    record = json.loads(lease["metadata"]["annotations"][RECORD])
    record = {key: value for key, value in record.items() if key not in NEW_KEYS}
    record["push"] = {key: value for key, value in record["push"].items() if key not in NEW_PUSH_KEYS}
    record["agents"] = [
        {key: value for key, value in agent.items() if key not in NEW_AGENT_KEYS} for agent in record["agents"]
    ]
    if proven:
        record["agents"] = [agent | {"outcome": "gone"} for agent in record["agents"]]
        record["proven_gone_at"] = record["started_at"]
    patch = {"metadata": {"annotations": {RECORD: json.dumps(record)}}}
    scene.api.patch("leases", lease["metadata"]["name"], patch, namespace=HOME)
    scene.end_pod("old-pod", phase="Failed")
    return workflow


@pytest.mark.parametrize("proven", [False, True], ids=["in its first container", "between its containers"])
def test_a_push_that_the_previous_version_began_is_finished(scene: Scene, *, proven: bool) -> None:
    workflow = begun_before_the_upgrade(scene, proven=proven)
    assert scene.play(workflow) is Exit.DONE
    record = scene.record()
    assert (record.phase, record.labels, record.attempts) == (Phase.COMPLETED, LabelOutcome.MOVED, 2)
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == MOVED


def test_a_push_that_the_previous_version_began_is_helped_by_a_pod_of_this_one(scene: Scene) -> None:
    begun_before_the_upgrade(scene, proven=True)
    other = scene.workflow(task=8)
    assert scene.attempt(other, pod="helper") is Exit.DONE
    assert scene.record().phase is Phase.IN_PROGRESS, "its own Workflow has begun, and is retried"

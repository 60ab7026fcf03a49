"""The platform's state document: changed where it must be, kept where it is not ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from steps.errors import Exit
from tests.doubles.kubernetes import Fault
from tests.scene import DEFAULTS, NEW, Scene

AGENTS = DEFAULTS.namespaces.agents
DOCUMENT: dict[str, Any] = {
    "task_id": "7",
    "iteration": 3,
    "status": "InProgress",
    "feedback_history": [{"author": "reviewer"}],
    "last_update": "2026-02-01T00:00:00Z",
    "error_messages": ["earlier"],
    "metadata": {"k": "v"},
    "version": "v1",
    "field_of_the_future": {"nested": [1, 2]},
}


def put(scene: Scene, text: str, **more: str) -> None:
    scene.api.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "task-7-state", "namespace": AGENTS, "labels": {"app": "remediation-state"}},
            "data": {"state.json": text, **more},
        }
    )


def stored(scene: Scene) -> dict[str, Any]:
    return scene.api.get("configmaps", "task-7-state", namespace=AGENTS)


def document(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stored(scene)["data"]["state.json"])
    return found


def play(scene: Scene) -> Exit:
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    return scene.play(scene.workflow())


def test_the_flag_is_set_before_the_delete_and_cleared_at_the_end_and_all_else_survives(scene: Scene) -> None:
    put(scene, json.dumps(DOCUMENT), other="untouched")
    during = []
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=lambda _: during.append(document(scene))))
    assert play(scene) is Exit.DONE
    assert during[0]["cancellation_in_progress"] is True
    after = document(scene)
    assert after["cancellation_in_progress"] is False
    assert after["last_update"] > DOCUMENT["last_update"]
    assert {key: after[key] for key in DOCUMENT if key != "last_update"} == {
        key: value for key, value in DOCUMENT.items() if key != "last_update"
    }
    assert stored(scene)["data"]["other"] == "untouched"
    assert stored(scene)["metadata"]["labels"] == {"app": "remediation-state"}


def test_without_a_state_document_none_is_made_up(scene: Scene) -> None:
    assert play(scene) is Exit.DONE
    assert scene.api.list("configmaps", namespace=AGENTS) == []


@pytest.mark.parametrize("text", ["{half", "[1, 2]", "null", "", "\x00\x01"])
def test_a_corrupt_document_is_copied_aside_and_left_as_it_is(scene: Scene, text: str) -> None:
    put(scene, text)
    assert play(scene) is Exit.DONE
    assert stored(scene)["data"] == {"state.json": text, "state.json.quarantine": text}
    assert any("not a JSON object" in event.get("event", "") for event in scene.events())


def test_a_document_too_large_to_write_again_is_reported_and_stops_nothing(scene: Scene) -> None:
    text = json.dumps(DOCUMENT, separators=(",", ":"))
    put(scene, text, filler="x" * (1024 * 1024 - len(text) - 20))
    assert play(scene) is Exit.DONE
    assert scene.runs() == set()
    assert "cancellation_in_progress" not in document(scene)


def test_error_messages_of_an_unknown_shape_are_left_alone(scene: Scene) -> None:
    put(scene, json.dumps(DOCUMENT | {"error_messages": {"by": "hand"}}))
    assert play(scene) is Exit.DONE
    assert document(scene)["error_messages"] == {"by": "hand"}


@pytest.mark.parametrize("lose", ["request", "reply"])
def test_a_write_whose_answer_is_lost_is_settled_by_reading_again(scene: Scene, lose: str) -> None:
    put(scene, json.dumps(DOCUMENT))
    scene.api.faults.add(Fault(method="PUT", path="/configmaps/", lose=lose))  # type: ignore[arg-type]
    assert play(scene) is Exit.DONE
    assert document(scene)["cancellation_in_progress"] is False


def test_a_write_of_somebody_else_in_between_is_kept(scene: Scene) -> None:
    put(scene, json.dumps(DOCUMENT))

    def other(_: object) -> None:
        scene.api.patch(
            "configmaps",
            "task-7-state",
            {"data": {"state.json": json.dumps(DOCUMENT | {"iteration": 4})}},
            namespace=AGENTS,
        )

    scene.api.faults.add(Fault(method="PUT", path="/configmaps/", before=other))
    assert play(scene) is Exit.DONE
    assert document(scene)["iteration"] == 4


def test_a_cancellation_without_stale_agents_leaves_the_document_untouched(scene: Scene) -> None:
    put(scene, json.dumps(DOCUMENT))
    before = stored(scene)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert stored(scene) == before

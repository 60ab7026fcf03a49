"""The platform's state document: the changed fields, and the fields that are left alone."""

from __future__ import annotations

import copy
import json
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from steps.cancellation.claim import claim_record
from steps.cancellation.state_document import StateDocument, read_state_document
from steps.cancellation.state_update import STATE_EPOCH, STATE_EPOCH_OF, StateChange, update_state_document
from steps.core.clock import format_time
from steps.core.errors import Exit, FencedError, LockLostError
from steps.lease.held_lease import HeldLease
from steps.runtime.context import StepContext
from steps.telemetry.audit import WriteCause
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, Scene

AGENTS = DEFAULTS.namespaces.agents[0]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
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


def test_the_flag_is_set_before_the_delete_and_cleared_at_the_end_and_other_fields_survive(scene: Scene) -> None:
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


def test_a_missing_state_document_is_not_created(scene: Scene) -> None:
    assert play(scene) is Exit.DONE
    assert scene.api.list("configmaps", namespace=AGENTS) == []


@pytest.mark.parametrize(
    "member",
    [
        '"half":"a\\ud83e"',
        '"\\udd16":"the key is half a pair"',
        '"pair":"\U0001f916"',
        '"text":"ä\\u2028\\n\\"number-7\\""',
        '"long":12345678901234567890.12345',
        '"spelled":[1.10,1e2,-0,-0.0,1E+5,0.1e-7]',
        '"beyond a float":1e400',
        f'"digits":{"9" * 5000}',
        f'"deep":{"[" * 600}{"]" * 600}',
        '"error_messages":["half \\ud83e",1.10]',
    ],
)
def test_an_unknown_field_keeps_its_exact_text(scene: Scene, member: str) -> None:
    put(scene, f'{{{member},"cancellation_in_progress":false}}')
    assert play(scene) is Exit.DONE
    text = stored(scene)["data"]["state.json"]
    now = json.loads(text, parse_int=str)["last_update"]
    kept = member.replace("\\u2028", "\u2028")
    assert text == f'{{{kept},"cancellation_in_progress":false,"last_update":"{now}"}}'
    assert scene.runs() == set()


@pytest.mark.parametrize(
    ("number", "flag"), [("0", False), ("0.0", False), ("-0e9", False), ("1", True), ("1e400", True)]
)
def test_a_flag_that_is_a_number_counts_as_its_value(number: str, *, flag: bool) -> None:
    data = {"state.json": f'{{"cancellation_in_progress":{number}}}'}
    assert read_state_document("task-7-state", task="7", data=data, key="state.json").flag is flag


@pytest.mark.parametrize("text", ["{half", "[1, 2]", "null", "", "\x00\x01", '{"a":NaN}', '{"a":-Infinity}'])
def test_a_corrupt_document_is_copied_aside_and_left_as_it_is(scene: Scene, text: str) -> None:
    put(scene, text)
    assert play(scene) is Exit.DONE
    assert stored(scene)["data"] == {"state.json": text, "state.json.quarantine": text}
    assert any("not a JSON object" in event.get("event", "") for event in scene.events())


def test_a_document_that_is_too_large_is_reported_and_fails_nothing(scene: Scene) -> None:
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
def test_a_write_without_an_answer_is_checked_by_reading_again(scene: Scene, lose: str) -> None:
    put(scene, json.dumps(DOCUMENT))
    scene.api.faults.add(Fault(method="PUT", path="/configmaps/", lose=lose))  # type: ignore[arg-type]
    assert play(scene) is Exit.DONE
    assert document(scene)["cancellation_in_progress"] is False


def test_a_write_of_another_client_in_between_is_kept(scene: Scene) -> None:
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


# A single change, without a whole cancellation.


@pytest.mark.parametrize(
    ("document", "change", "expected"),
    [
        ({}, StateChange(in_progress=True), {"cancellation_in_progress": True, "last_update": "now"}),
        ({}, StateChange(in_progress=False), {}),
        ({"cancellation_in_progress": None}, StateChange(in_progress=False), {"cancellation_in_progress": None}),
        ({"cancellation_in_progress": True}, StateChange(in_progress=True), {"cancellation_in_progress": True}),
        (
            {"cancellation_in_progress": True, "last_update": "then", "theirs": 1},
            StateChange(in_progress=False),
            {"cancellation_in_progress": False, "last_update": "now", "theirs": 1},
        ),
        (
            {"error_messages": ["before"]},
            StateChange(in_progress=False, message="failed"),
            {"cancellation_in_progress": False, "last_update": "now", "error_messages": ["before", "failed"]},
        ),
        (
            {},
            StateChange(in_progress=True, message="failed"),
            {"cancellation_in_progress": True, "last_update": "now", "error_messages": ["failed"]},
        ),
        (
            {"error_messages": "theirs"},
            StateChange(in_progress=True, message="failed"),
            {"cancellation_in_progress": True, "last_update": "now", "error_messages": "theirs"},
        ),
    ],
)
def test_a_change_sets_the_flag_the_time_and_the_messages(
    document: dict[str, Any], change: StateChange, expected: dict[str, Any]
) -> None:
    before = copy.deepcopy(document)
    after = change.apply(document, now="now")
    assert after == expected
    assert document == before
    assert (after is document) == (expected == before), "what says nothing new is not written"


def test_the_last_fifty_messages_are_kept() -> None:
    many = [str(number) for number in range(50)]
    after = StateChange(in_progress=True, message="50").apply({"error_messages": many}, now="now")
    assert after["error_messages"] == [*many[1:], "50"]


def acquired(scene: Scene) -> tuple[StepContext, HeldLease]:
    workflow = scene.workflow()
    context = scene.context(workflow, pod="pod")
    held = context.lease().acquire(partial(claim_record, context=context))
    assert held is not None
    scene.api.calls.clear()
    return context, held


def sent(scene: Scene) -> list[str]:
    return [call.method for call in scene.api.calls if call.path.endswith("/task-7-state")]


UP = StateChange(in_progress=True)


def test_a_change_is_written_with_its_epoch_and_keeps_other_annotations(scene: Scene) -> None:
    put(scene, '{"text": "ä"}')
    scene.api.patch("configmaps", "task-7-state", {"metadata": {"annotations": {"note": "theirs"}}}, namespace=AGENTS)
    context, held = acquired(scene)
    update_state_document(UP, context=context, held=held)
    assert stored(scene)["metadata"]["annotations"] == {
        "note": "theirs",
        STATE_EPOCH: "1",
        STATE_EPOCH_OF: f"{held.reference.name}/{held.reference.uid}",
    }
    now = format_time(scene.clock.now())
    assert stored(scene)["data"]["state.json"] == (
        f'{{"text":"ä","cancellation_in_progress":true,"last_update":"{now}"}}'
    )
    (line,) = [line for line in scene.events() if line.get("cause") == WriteCause.STATE]
    assert (line["epoch"], line["detail"]) == (1, "cancellation_in_progress=true")
    scene.api.calls.clear()
    update_state_document(UP, context=context, held=held)
    assert sent(scene) == ["GET"]


@pytest.mark.parametrize(
    ("epoch", "fenced"),
    [
        ("0", False),
        ("1", False),
        ("2", True),
        ("10", True),
        ("", False),
        ("theirs", False),
        ("-2", False),
        ("²", False),
        ("9" * 10, True),
        ("9" * 11, False),
        ("9" * 5000, False),
    ],
)
def test_a_later_epoch_refuses_the_write_and_an_invalid_one_does_not(scene: Scene, epoch: str, *, fenced: bool) -> None:
    put(scene, "{}")
    scene.api.patch("configmaps", "task-7-state", {"metadata": {"annotations": {STATE_EPOCH: epoch}}}, namespace=AGENTS)
    context, held = acquired(scene)
    if not fenced:
        update_state_document(UP, context=context, held=held)
        assert document(scene)["cancellation_in_progress"] is True
        return
    said = f"^the state document was written in epoch {epoch}, this holder has epoch 1: .* of ConfigMap task-7-state$"
    with pytest.raises(FencedError, match=said):
        update_state_document(UP, context=context, held=held)
    assert document(scene) == {}


def test_a_document_under_another_key_is_left(scene: Scene) -> None:
    put(scene, "{}")
    scene.api.patch("configmaps", "task-7-state", {"data": {"state.json": None, "notes": "{}"}}, namespace=AGENTS)
    before = stored(scene)
    context, held = acquired(scene)
    update_state_document(UP, context=context, held=held)
    assert stored(scene) == before
    lease = stored(scene)
    del lease["data"]
    scene.api.update(lease)
    update_state_document(UP, context=context, held=held)
    assert sent(scene) == ["GET", "GET"]


def test_a_document_that_is_deleted_before_the_write_causes_no_error(scene: Scene) -> None:
    put(scene, "{}")
    context, held = acquired(scene)
    gone = Fault(method="PUT", path="/task-7-state", status=404, reason="NotFound")
    scene.api.faults.add(gone)
    update_state_document(UP, context=context, held=held)
    assert sent(scene) == ["GET", "PUT"]


@pytest.mark.parametrize("fault", [{"status": 409, "reason": "Conflict"}, {"lose": "request"}])
def test_a_change_is_attempted_eight_times_with_pauses_and_then_logged_as_a_warning(
    scene: Scene, fault: dict[str, Any]
) -> None:
    put(scene, "{}")
    context, held = acquired(scene)
    scene.api.faults.add(Fault(method="PUT", path="/task-7-state", times=7, **fault))
    update_state_document(UP, context=context, held=held)
    assert document(scene)["cancellation_in_progress"] is True
    assert not [line for line in scene.events() if line["level"] == "warning"]
    scene.api.faults.add(Fault(method="PUT", path="/task-7-state", times=8, **fault))
    update_state_document(StateChange(in_progress=False), context=context, held=held)
    assert document(scene)["cancellation_in_progress"] is True
    assert sent(scene).count("PUT") == 16
    (warned,) = [line for line in scene.events() if line["level"] == "warning"]
    assert warned["event"] == "state document not written"


def test_an_epoch_of_another_lease_is_not_compared(scene: Scene) -> None:
    put(scene, "{}")
    notes = {STATE_EPOCH: "99", STATE_EPOCH_OF: "cancel-of-another-repository"}
    scene.api.patch("configmaps", "task-7-state", {"metadata": {"annotations": notes}}, namespace=AGENTS)
    context, held = acquired(scene)
    update_state_document(UP, context=context, held=held)
    assert document(scene)["cancellation_in_progress"] is True
    own = f"{held.reference.name}/{held.reference.uid}"
    assert stored(scene)["metadata"]["annotations"] == {STATE_EPOCH: "1", STATE_EPOCH_OF: own}
    assert not lease_writes(scene)


def lease_writes(scene: Scene) -> list[str]:
    return [call.method for call in scene.api.calls if call.method != "GET" and "/leases" in call.path]


def put_epoch(scene: Scene, epoch: str, *, of: str) -> None:
    """Another holder has written the document."""
    put(scene, "{}")
    notes = {STATE_EPOCH: epoch, STATE_EPOCH_OF: of}
    scene.api.patch("configmaps", "task-7-state", {"metadata": {"annotations": notes}}, namespace=AGENTS)


@pytest.mark.parametrize("of", ["{name}", "{name}/{uid}"], ids=["of an earlier version", "of this version"])
def test_an_epoch_of_the_same_lease_is_compared(scene: Scene, of: str) -> None:
    context, held = acquired(scene)
    put_epoch(scene, "2", of=of.format(name=held.reference.name, uid=held.reference.uid))
    with pytest.raises(FencedError, match="was written in epoch 2"):
        update_state_document(UP, context=context, held=held)
    assert document(scene) == {}


def test_after_the_lease_was_created_again_its_holder_proves_it_and_writes(scene: Scene) -> None:
    context, held = acquired(scene)
    put_epoch(scene, "9", of=f"{held.reference.name}/another-uid")
    scene.api.calls.clear()
    update_state_document(UP, context=context, held=held)
    assert document(scene)["cancellation_in_progress"] is True
    assert lease_writes(scene) == ["PUT"]
    update_state_document(StateChange(in_progress=False), context=context, held=held)
    assert lease_writes(scene) == ["PUT"], "the document has the new Lease's epoch now"


def test_the_holder_of_the_lease_that_was_deleted_does_not_overwrite_its_successor(scene: Scene) -> None:
    context, paused = acquired(scene)
    put(scene, "{}")
    scene.api.delete("leases", paused.reference.name, namespace=scene.settings.namespaces.workflows)
    _, successor = acquired(scene)
    update_state_document(UP, context=context, held=successor)
    with pytest.raises(LockLostError):
        update_state_document(StateChange(in_progress=False), context=context, held=paused)
    assert document(scene)["cancellation_in_progress"] is True


def test_nothing_is_written_after_the_lease_is_lost(scene: Scene) -> None:
    put(scene, "{}")
    context, held = acquired(scene)
    scene.clock.sleep(DEFAULTS.lease.renew_deadline_s)
    with pytest.raises(LockLostError):
        update_state_document(UP, context=context, held=held)
    assert sent(scene) == ["GET"]


def test_the_log_names_the_quarantine_key_of_a_copy(scene: Scene) -> None:
    put(scene, "{half")
    context, held = acquired(scene)
    update_state_document(UP, context=context, held=held)
    (line,) = [line for line in scene.events() if line["event"].startswith("state document is not a JSON object")]
    assert (line["key"], line["copied_to"]) == ("state.json", "state.json.quarantine")


def test_the_lease_is_renewed_while_a_change_waits_for_its_next_try(scene: Scene) -> None:
    put(scene, "{}")
    context, held = acquired(scene)
    scene.clock.sleep(DEFAULTS.lease.renew_deadline_s - 1)
    scene.api.faults.add(Fault(method="PUT", path="/task-7-state", status=409, reason="Conflict"))
    update_state_document(UP, context=context, held=held)
    assert [call.method for call in scene.api.calls if "/leases/" in call.path] == ["PUT"]


@pytest.mark.parametrize(("slow", "written"), [(0.0, True), (DEFAULTS.lease.renew_deadline_s, False)])
def test_a_write_that_is_refused_for_a_moment_is_sent_again_only_under_the_lease(
    scene: Scene,
    slow: float,
    written: bool,  # noqa: FBT001 - from the table
) -> None:
    put(scene, "{}")
    context, held = acquired(scene)
    refused = Fault(
        method="PUT",
        path="/task-7-state",
        status=403,
        reason="Forbidden",
        before=lambda _: scene.clock.sleep(slow),
    )
    scene.api.faults.add(refused)
    with nullcontext() if written else pytest.raises(LockLostError):
        update_state_document(UP, context=context, held=held)
    assert sent(scene) == ["GET", "PUT", "PUT"][: 3 if written else 2]


@pytest.mark.parametrize(
    ("text", "flag", "updated_at"),
    [
        ('{"cancellation_in_progress": true, "last_update": "2026-03-01T12:00:00Z"}', True, NOON),
        ('{"cancellation_in_progress": false}', False, None),
        ("{}", False, None),
    ],
)
def test_a_document_says_whether_a_cancellation_is_in_progress_and_since_when(
    text: str,
    flag: bool,  # noqa: FBT001 - from the table
    updated_at: datetime | None,
) -> None:
    found = read_state_document("task-7-state", task="7", data={"state.json": text}, key="state.json")
    assert found == StateDocument(
        name="task-7-state", task="7", flag=flag, corrupt=False, quarantined=False, updated_at=updated_at
    )

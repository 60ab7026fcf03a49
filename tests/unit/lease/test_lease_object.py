"""What is written into the Lease, and what of it stays."""

from __future__ import annotations

import copy

import pytest

from steps.core.clock import format_micro_time
from steps.core.errors import LockLostError
from steps.core.keys import repository_label
from steps.domain.record import parse_record
from steps.lease.lease_object import lease_body
from steps.telemetry.audit import WriteCause, WriteReason
from tests.doubles.clock import START
from tests.support.harness import DEFAULTS, Scene
from tests.unit.lease.holders import RECORD, acquired


def test_the_lease_says_since_when_it_is_held(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    began = scene.lease()["spec"]["acquireTime"]
    assert began == format_micro_time(scene.clock.now())
    scene.later(1)
    held.write(RECORD)
    assert scene.lease()["spec"]["acquireTime"] == began
    held.release(RECORD)
    acquired(scene, scene.workflow(), pod="second")
    assert scene.lease()["spec"]["acquireTime"] == format_micro_time(scene.clock.now())


def test_what_stands_beside_the_record_is_there_at_once_and_on_the_lease_from_the_next_write_on(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    assert held.annotation("example.com/note") == ""
    held.annotate("example.com/note", "a")
    assert held.annotation("example.com/note") == "a"
    assert "example.com/note" not in scene.lease()["metadata"]["annotations"]
    held.release(RECORD)
    again = acquired(scene, scene.workflow(), pod="second")
    assert again.annotation("example.com/note") == "a"


@pytest.mark.parametrize(("duration_s", "written"), [(30.0, 30), (1.4, 1), (0.2, 1)])
def test_the_lease_says_for_how_long_it_is_held_in_whole_seconds_of_which_kubernetes_wants_one(
    duration_s: float, written: int
) -> None:
    given = {"record": RECORD, "holder": "w/u/p", "epoch": 3, "now": START}
    lease = lease_body({"metadata": {"name": "l"}}, duration_s=duration_s, **given)  # type: ignore[arg-type]
    assert lease["spec"] == {
        "holderIdentity": "w/u/p",
        "leaseDurationSeconds": written,
        "leaseTransitions": 3,
        "renewTime": format_micro_time(START),
    }


def test_the_lease_that_was_read_is_not_changed() -> None:
    read = {"metadata": {"name": "l", "labels": {"team": "a"}}, "spec": {"holderIdentity": "w/u/p"}}
    before = copy.deepcopy(read)
    lease_body(read, record=RECORD, holder="", epoch=1, duration_s=30, now=START)
    assert read == before


@pytest.mark.parametrize(
    ("repository", "label"),
    [("5DLabs/CTO", "5dlabs.cto"), ("o/.r_", "o..r"), (f"{'o' * 39}/{'r' * 100}", f"{'o' * 39}.{'r' * 23}")],
)
def test_a_repository_is_a_label_that_kubernetes_takes(repository: str, label: str) -> None:
    assert repository_label(repository) == label


def test_a_write_reason_has_its_epoch_and_only_the_given_detail(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    (line,) = [line for line in scene.events() if line["event"] == "audit"]
    assert line["epoch"] == 1
    assert held.write_reason(WriteCause.STATE) == WriteReason(cause=WriteCause.STATE, epoch=1)
    assert held.write_reason(WriteCause.STATE, "why") == WriteReason(cause=WriteCause.STATE, epoch=1, detail="why")


def test_others_labels_and_annotations_on_the_lease_survive(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    name = scene.lease()["metadata"]["name"]
    extra = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}
    scene.api.patch("leases", name, extra, namespace=DEFAULTS.namespaces.workflows)
    held.release(RECORD)
    metadata = scene.lease()["metadata"]
    assert (metadata["labels"]["team"], metadata["annotations"]["note"]) == ("a", "b")
    assert metadata["labels"] == {
        "team": "a",
        "app.kubernetes.io/managed-by": "agent-cancellation",
        "agent-cancellation/task": "7",
        "agent-cancellation/repository": "o.r",
        "agent-cancellation/phase": "in_progress",
    }


def test_the_record_is_written_only_by_the_holder(scene: Scene) -> None:
    first = acquired(scene, scene.workflow(), pod="first")
    first.write(RECORD.with_error("from the first"))
    scene.end_pod("first", phase="Succeeded")
    second = acquired(scene, scene.workflow(), pod="second")
    with pytest.raises(LockLostError):
        first.write(RECORD.with_error("too late"))
    second.write(RECORD.with_error("from the second"))
    stored = scene.api.list("leases", namespace=DEFAULTS.namespaces.workflows)[0]
    assert parse_record(stored["metadata"]["annotations"]["agent-cancellation/record"]).errors == ("from the second",)

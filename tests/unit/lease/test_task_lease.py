"""The Lease: each known way in which a lock can break, and how the Lease prevents it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from steps.cancellation.state_update import StateChange, update_state_document
from steps.core.errors import FencedError, LockBusyError, LockLostError, TerminatedError, UnavailableError
from steps.domain.push import Repository
from steps.domain.record import Phase, Record
from steps.domain.task_id import TaskId
from steps.lease.held_lease import HeldLease
from steps.lease.lease_object import LeaseSnapshot, lease_name, read_snapshot
from steps.runtime.failure import recording_failure
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, Scene
from tests.unit.lease.holders import RECORD, acquired, take


def holder_of(scene: Scene) -> str:
    return str(scene.lease()["spec"]["holderIdentity"])


@pytest.mark.parametrize("skew_s", [3600, -3600])
def test_1_a_clock_that_is_an_hour_off_neither_steals_early_nor_waits_longer(scene: Scene, skew_s: float) -> None:
    acquired(scene, scene.workflow(), pod="first")
    scene.clock.jump(skew_s)
    waiter = scene.context(scene.workflow(), pod="second").lease()
    began = scene.clock.monotonic()
    assert waiter.acquire(take) is not None
    waited = scene.clock.monotonic() - began
    assert DEFAULTS.lease.duration_s <= waited < DEFAULTS.lease.duration_s + 3


@pytest.mark.parametrize(
    "spec",
    [{"renewTime": "2999-01-01T00:00:00.000000Z"}, {"leaseDurationSeconds": 2**31 - 1}],
    ids=["a renewal in the far future", "a duration of decades"],
)
def test_1_a_lease_written_by_hand_does_not_hold_for_ever(scene: Scene, spec: dict[str, object]) -> None:
    acquired(scene, scene.workflow(), pod="first")
    name = scene.lease()["metadata"]["name"]
    scene.api.patch("leases", name, {"spec": spec}, namespace=DEFAULTS.namespaces.workflows)
    began = scene.clock.monotonic()
    assert acquired(scene, scene.workflow(), pod="second").epoch == 2
    assert scene.clock.monotonic() - began < 2 * DEFAULTS.lease.duration_s + 3


def test_1_a_holder_that_gave_itself_longer_is_given_that(scene: Scene) -> None:
    acquired(scene, scene.workflow(), pod="first")
    name, own_s = scene.lease()["metadata"]["name"], round(DEFAULTS.lease.duration_s) + 15
    longer = {"spec": {"leaseDurationSeconds": own_s}}
    scene.api.patch("leases", name, longer, namespace=DEFAULTS.namespaces.workflows)
    began = scene.clock.monotonic()
    acquired(scene, scene.workflow(), pod="second")
    assert own_s <= scene.clock.monotonic() - began < own_s + 3


def test_1_a_lease_that_says_nothing_is_free_and_of_no_epoch(scene: Scene) -> None:
    bare = {"metadata": {"name": "l"}}
    assert read_snapshot(bare) == LeaseSnapshot(body=bare, holder="", epoch=0, renewed_at="", duration_s=None)
    acquired(scene, scene.workflow(), pod="first")
    lease = scene.lease()
    del lease["spec"]
    scene.api.update(lease)
    assert acquired(scene, scene.workflow(), pod="second").epoch == 1


def test_2_a_holder_that_was_paused_cannot_release_its_successors_lease(scene: Scene) -> None:
    paused = acquired(scene, scene.workflow(), pod="first")
    scene.end_pod("first", phase="Failed")
    successor = acquired(scene, scene.workflow(), pod="second")
    with pytest.raises(LockLostError, match=r"^the Lease is held by .*/second in epoch 2$"):
        paused.release(RECORD)
    assert "second" in holder_of(scene)
    successor.write(RECORD)
    with pytest.raises(LockLostError, match=r"^the Lease is held by .*/second in epoch 2$"):
        paused.ensure_held()


def test_2_a_paused_holder_notices_a_successor_that_has_already_released(scene: Scene) -> None:
    paused = acquired(scene, scene.workflow(), pod="first")
    scene.end_pod("first", phase="Failed")
    acquired(scene, scene.workflow(), pod="second").release(RECORD)
    with pytest.raises(LockLostError, match=r"^the Lease was released in epoch 2$"):
        paused.write(RECORD)


def test_2_a_holder_notices_a_deleted_lease_and_creates_no_new_one(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    scene.api.delete("leases", scene.lease()["metadata"]["name"], namespace=DEFAULTS.namespaces.workflows)
    with pytest.raises(LockLostError, match=r"^Lease cancel-5dlabs-cto-task-7-\w+ was deleted while it was held$"):
        held.write(RECORD)
    assert scene.api.list("leases", namespace=DEFAULTS.namespaces.workflows) == []


def test_2_a_holder_whose_lease_is_not_found_asks_no_more(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    scene.api.faults.add(Fault(method="PUT", path="/leases/", status=404, reason="NotFound"))
    scene.api.calls.clear()
    for _ in range(2):
        with pytest.raises(LockLostError, match=r"^the Lease was deleted while it was held$"):
            held.write(RECORD)
    assert len(scene.api.calls) == 1


def test_3_the_epoch_survives_release_because_the_lease_is_never_deleted(scene: Scene) -> None:
    epochs = []
    for number in range(3):
        held = acquired(scene, scene.workflow(), pod=f"pod-{number}")
        epochs.append(held.epoch)
        held.release(RECORD)
    assert epochs == [1, 2, 3]
    assert not [call for call in scene.api.calls if call.method == "DELETE"]


def test_3_a_released_lease_is_acquired_at_once_without_reading_a_pod(scene: Scene) -> None:
    acquired(scene, scene.workflow(), pod="first").release(RECORD)
    lease = scene.context(scene.workflow(), pod="second").lease()
    scene.api.calls.clear()
    began = scene.clock.monotonic()
    assert lease.acquire(take) is not None
    assert scene.clock.monotonic() == began
    assert [call.method for call in scene.api.calls] == ["GET", "PUT"]


def test_3_the_next_holder_gets_the_current_record(scene: Scene) -> None:
    shown: list[Record | None] = []

    def decide(stored: Record | None) -> Record:
        shown.append(stored)
        return RECORD

    for pod in ("first", "second"):
        held = scene.context(scene.workflow(), pod=pod).lease().acquire(decide)
        assert held is not None
        held.release(RECORD.with_error(pod))
    assert shown == [None, RECORD.with_error("first")]


def test_4_a_hold_is_renewed_when_it_is_time_to_and_not_before(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    scene.api.calls.clear()
    scene.clock.sleep(DEFAULTS.lease.renew_every_s - 1)
    held.renew_if_due()
    assert scene.api.calls == []
    scene.clock.sleep(1)
    held.renew_if_due()
    held.renew_if_due()
    assert [call.method for call in scene.api.calls] == ["PUT"]


def test_4_a_renewal_whose_answer_was_lost_is_neither_a_false_loss_nor_a_false_hold(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    scene.api.faults.add(Fault(method="PUT", path="/leases/", lose="reply"))
    scene.clock.sleep(DEFAULTS.lease.renew_every_s)
    held.renew_if_due()
    held.ensure_held()
    scene.api.faults.add(Fault(method="PUT", path="/leases/", lose="request"))
    held.write(RECORD.with_error("kept"))
    assert scene.record().errors == ("kept",)


@pytest.mark.parametrize("what", [HeldLease.write, HeldLease.release], ids=["a write", "a release"])
def test_4_a_write_whose_answer_was_lost_is_not_repeated(
    scene: Scene, what: Callable[[HeldLease, Record], None]
) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    scene.api.calls.clear()
    scene.api.faults.add(Fault(method="PUT", path="/leases/", lose="reply"))
    what(held, RECORD.with_error("kept"))
    assert [call.method for call in scene.api.calls] == ["PUT", "GET"]
    assert scene.record().errors == ("kept",)
    assert bool(holder_of(scene)) == (what is HeldLease.write)


@pytest.mark.parametrize(("lost", "arrives"), [(7, True), (8, False)])
def test_4_a_write_that_gets_lost_is_sent_eight_times(scene: Scene, *, lost: int, arrives: bool) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    scene.api.calls.clear()
    scene.api.faults.add(Fault(method="PUT", path="/leases/", lose="request", times=lost))
    if arrives:
        held.write(RECORD.with_error("kept"))
        assert scene.record().errors == ("kept",)
    else:
        with pytest.raises(UnavailableError):
            held.write(RECORD.with_error("kept"))
    assert sum(call.method == "PUT" for call in scene.api.calls) == 8


def test_4_a_record_that_a_person_deletes_is_written_again(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    lease = scene.lease()
    del lease["metadata"]["annotations"]
    scene.api.update(lease)
    held.write(RECORD.with_error("kept"))
    assert scene.record().errors == ("kept",)


def test_4_an_acquisition_whose_answer_was_lost_counts(scene: Scene) -> None:
    scene.api.faults.add(Fault(method="POST", path="/leases", lose="reply"))
    held = acquired(scene, scene.workflow(), pod="first")
    assert held.epoch == 1
    held.write(RECORD)


def test_5_work_stops_at_the_renew_deadline_when_renewals_fail(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    scene.api.faults.add(Fault(method="PUT", path="/leases/", lose="request", times=0))
    scene.clock.sleep(DEFAULTS.lease.renew_every_s)
    with pytest.raises((LockLostError, UnavailableError)):
        held.renew_if_due()
    scene.clock.sleep(DEFAULTS.lease.renew_deadline_s - DEFAULTS.lease.renew_every_s)
    with pytest.raises(LockLostError, match=r"^the Lease of epoch 1 was not renewed within 20 s$"):
        held.ensure_held()


def test_6_a_lease_that_appears_while_it_is_being_created_is_waited_for(scene: Scene) -> None:
    rival: list[HeldLease] = []
    scene.api.faults.add(
        Fault(
            method="POST",
            path="/leases",
            before=lambda _: None if rival else rival.append(acquired(scene, scene.workflow(), pod="rival")),
        )
    )
    mine = scene.context(scene.workflow(), pod="mine").lease()
    scene.clock.every(lambda: rival[0].release(RECORD) if "rival" in holder_of(scene) else None)
    held = mine.acquire(take)
    assert held is not None
    assert held.epoch == 2


def test_6_a_lease_deleted_under_a_waiter_is_created_anew(scene: Scene) -> None:
    acquired(scene, scene.workflow(), pod="first")
    name = scene.lease()["metadata"]["name"]
    gone: list[int] = []

    def delete_once() -> None:
        if not gone:
            gone.append(1)
            scene.api.delete("leases", name, namespace=DEFAULTS.namespaces.workflows)

    scene.clock.every(delete_once)
    assert acquired(scene, scene.workflow(), pod="second").epoch == 1


def test_7_every_change_of_holder_raises_the_epoch(scene: Scene) -> None:
    first = acquired(scene, scene.workflow(), pod="first")
    second = acquired(scene, scene.workflow(), pod="second")
    assert (first.epoch, second.epoch) == (1, 2)
    assert scene.lease()["spec"]["leaseTransitions"] == 2


def test_8_the_pod_of_a_retry_is_a_new_holder_and_the_old_one_is_fenced(scene: Scene) -> None:
    workflow = scene.workflow()
    old = acquired(scene, workflow, pod="attempt-0")
    scene.end_pod("attempt-0", phase="Failed")
    began = scene.clock.monotonic()
    new = acquired(scene, workflow, pod="attempt-1")
    assert scene.clock.monotonic() == began, "a dead holder is succeeded at once"
    assert new.epoch == 2
    with pytest.raises(LockLostError):
        old.write(RECORD)


def test_8_a_pod_of_the_same_name_is_not_the_same_holder(scene: Scene) -> None:
    workflow = scene.workflow()
    old = acquired(scene, workflow, pod="pod")
    scene.api.delete("pods", "pod", namespace=DEFAULTS.namespaces.workflows, gracePeriodSeconds=0)
    began = scene.clock.monotonic()
    new = acquired(scene, workflow, pod="pod")
    assert scene.clock.monotonic() == began, "the uid shows that the holder is gone"
    assert new.epoch == 2
    with pytest.raises(LockLostError):
        old.write(RECORD)


def test_9_each_task_has_a_lease_of_its_own_with_a_name_that_is_safe() -> None:
    names = {
        lease_name(repository=Repository(repository), task=TaskId(task))
        for repository in ("o/r", "o/R-x", "o/r_x", "o/r.x", "O/.github", f"{'o' * 39}/{'r' * 100}")
        for task in ("7", "77", "999999999")
    }
    assert len(names) == 18
    for name in names:
        assert len(name) <= 253
        assert name == name.lower()
        assert all(character.isalnum() or character == "-" for character in name)
    assert lease_name(repository=Repository("O/R"), task=TaskId("7")) == lease_name(
        repository=Repository("o/r"), task=TaskId("7")
    )


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("5DLabs/CTO", "cancel-5dlabs-cto-task-7-"),
        ("o/_r.x_", "cancel-o-r-x-task-7-"),
        ("o" * 39 + "/" + "r" * 19 + "-x", "cancel-" + "o" * 39 + "-" + "r" * 19 + "-task-7-"),
        ("o" * 39 + "/" + "r" * 40, "cancel-" + "o" * 39 + "-" + "r" * 20 + "-task-7-"),
    ],
)
def test_9_the_name_is_the_one_that_an_earlier_version_gave(repository: str, name: str) -> None:
    digest = hashlib.sha256(f"{repository.lower()}#7".encode()).hexdigest()[:10]
    assert lease_name(repository=Repository(repository), task=TaskId("7")) == name + digest


def test_10_a_step_that_is_terminated_leaves_a_failed_record_and_a_free_lease(scene: Scene) -> None:
    workflow = scene.workflow()
    held = acquired(scene, workflow, pod="first")

    def interrupted() -> None:
        with recording_failure(held, context=scene.context(workflow, pod="first")):
            raise TerminatedError("SIGTERM: the pod is being stopped")

    with pytest.raises(TerminatedError):
        interrupted()
    assert holder_of(scene) == ""
    assert scene.record().phase is Phase.FAILED
    assert "SIGTERM" in scene.record().errors[-1]


def test_10_a_failure_after_the_release_leaves_the_record_as_it_is(scene: Scene) -> None:
    workflow = scene.workflow()
    held = acquired(scene, workflow, pod="first")
    done = replace(held.record, phase=Phase.COMPLETED)

    def failed_late() -> None:
        with recording_failure(held, context=scene.context(workflow, pod="first")):
            held.release(done)
            raise TerminatedError("SIGTERM: the pod is being stopped")

    with pytest.raises(TerminatedError):
        failed_late()
    assert scene.record() == done
    assert [line for line in scene.events() if line["level"] == "warning"] == []


def test_11_what_the_lock_guards_refuses_a_writer_of_an_earlier_epoch(scene: Scene) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"state.json": "{}"}}
    where = {"metadata": {"name": "task-7-state", "namespace": DEFAULTS.namespaces.agents[0]}}
    scene.api.create(document | where)
    workflow = scene.workflow()
    paused = acquired(scene, workflow, pod="first")
    scene.end_pod("first", phase="Failed")
    successor = acquired(scene, workflow, pod="second")
    context = scene.context(workflow, pod="second")
    update_state_document(StateChange(in_progress=True), context=context, held=successor)
    with pytest.raises(FencedError):
        update_state_document(StateChange(in_progress=False), context=context, held=paused)


def test_a_hold_ends_at_the_renew_deadline_and_not_before(scene: Scene) -> None:
    held = acquired(scene, scene.workflow(), pod="first")
    scene.clock.sleep(DEFAULTS.lease.renew_deadline_s - 0.25)
    held.ensure_held()
    scene.clock.sleep(0.25)
    with pytest.raises(LockLostError, match=r"was not renewed within 20 s$"):
        held.ensure_held()


# A helper takes only free Leases, each in one attempt.


def released(scene: Scene, *, phase: Phase = Phase.FAILED) -> Record:
    """A Lease that is free and has a record."""
    held = acquired(scene, scene.workflow(), pod="first")
    record = replace(held.record, phase=phase)
    held.release(record)
    return record


def test_a_free_lease_is_acquired_with_the_record_that_it_has(scene: Scene) -> None:
    record = released(scene)
    lease = scene.context(scene.workflow(), pod="second").lease()
    seen: list[Record | None] = []

    def claim(stored: Record | None) -> Record:
        seen.append(stored)
        return RECORD

    held = lease.acquire_free(lease.read(), claim)
    assert held is not None
    assert seen == [record]
    assert (held.stored, held.record, held.epoch) == (record, RECORD, 2)


def test_a_lease_that_does_not_exist_is_created_at_once(scene: Scene) -> None:
    lease = scene.context(scene.workflow(), pod="first").lease()
    held = lease.acquire_free(None, take)
    assert held is not None
    assert (held.stored, held.epoch) == (None, 1)


def test_a_lease_that_is_held_is_not_waited_for(scene: Scene) -> None:
    acquired(scene, scene.workflow(), pod="first")
    lease = scene.context(scene.workflow(), pod="second").lease()
    began = scene.clock.monotonic()
    name = scene.lease()["metadata"]["name"]
    with pytest.raises(LockBusyError, match=f"^Lease {name} is held by {holder_of(scene)}$"):
        lease.acquire_free(lease.read(), take)
    assert scene.clock.monotonic() == began


def test_a_free_lease_that_another_holder_acquires_first_is_busy(scene: Scene) -> None:
    released(scene)
    lease = scene.context(scene.workflow(), pod="second").lease()
    snapshot = lease.read()
    acquired(scene, scene.workflow(), pod="third")
    name = scene.lease()["metadata"]["name"]
    with pytest.raises(LockBusyError, match=f"^Lease {name} was acquired by another holder$"):
        lease.acquire_free(snapshot, take)


def test_the_record_before_the_epoch_is_kept_by_the_holder(scene: Scene) -> None:
    record = released(scene)
    assert acquired(scene, scene.workflow(), pod="second").stored == record

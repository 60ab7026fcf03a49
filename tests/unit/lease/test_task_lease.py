"""The Lease: each known way in which a lock can break, and how the Lease prevents it."""

from __future__ import annotations

import copy
import hashlib
import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from steps.cancellation.state_update import StateChange, update_state_document
from steps.core.clock import SystemClock, format_micro_time
from steps.core.errors import Exit, FencedError, LockBusyError, LockLostError, TerminatedError, UnavailableError
from steps.core.keys import repository_label
from steps.domain.push import Repository
from steps.domain.record import Phase, Record, parse_record
from steps.domain.task_id import TaskId
from steps.kube.client import Kube
from steps.lease.held_lease import HeldLease
from steps.lease.holder import Holder
from steps.lease.lease_object import LeaseSnapshot, lease_body, lease_name, read_snapshot
from steps.lease.task_lease import TaskLease
from steps.runtime.context import StepContext
from steps.runtime.failure import recording_failure
from steps.telemetry.audit import Audit, WriteCause, WriteReason
from steps.telemetry.log import Log
from tests.doubles.clock import START
from tests.doubles.kubernetes import ApiServer, Fault
from tests.support.factories import DONE
from tests.support.harness import DEFAULTS, Scene, Workflow
from tests.support.scene.in_process import InProcess

RECORD = replace(DONE, phase=Phase.IN_PROGRESS)


def take(_: Record | None) -> Record | None:
    return RECORD


def acquired(scene: Scene, workflow: Workflow, *, pod: str) -> HeldLease:
    held = scene.context(workflow, pod=pod).lease().acquire(take)
    assert held is not None
    return held


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

    def look(stored: Record | None) -> Record:
        shown.append(stored)
        return RECORD

    for pod in ("first", "second"):
        held = scene.context(scene.workflow(), pod=pod).lease().acquire(look)
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


def test_8_the_pod_of_a_retry_is_a_new_holder_and_the_old_one_is_out(scene: Scene) -> None:
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
    assert scene.clock.monotonic() == began, "the uid tells that the holder is gone"
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


def test_a_waiter_gives_up_with_the_retryable_exit_code(scene: Scene) -> None:
    busy = acquired(scene, scene.workflow(), pod="first")
    scene.clock.every(busy.renew_if_due)
    context = scene.context(scene.workflow(), pod="second")
    with pytest.raises(LockBusyError, match="/first: try again when it is released") as caught:
        context.lease().acquire(take)
    assert caught.value.exit is Exit.TRY_AGAIN


@pytest.mark.parametrize(("drawn", "pause_s"), [(0.0, 1.0), (0.5, 1.1), (1.0, 1.2)])
def test_a_waiter_looks_every_second_and_up_to_a_fifth_later_lest_all_come_at_once(
    scene: Scene, drawn: float, pause_s: float
) -> None:
    acquired(scene, scene.workflow(), pod="first")
    settings = replace(scene.settings, lease=replace(scene.settings.lease, retry_every_s=1))
    context = scene.context_without_pod(scene.workflow(), random=lambda: drawn)
    assert replace(context, settings=settings).lease().acquire(take) is not None
    looks = [call.at for call in scene.api.calls if call.method == "GET" and "/leases/" in call.path]
    gaps = [(after - before).total_seconds() for before, after in pairwise(looks[1:])]
    assert gaps == [pytest.approx(pause_s)] * len(gaps)
    assert len(gaps) > 20


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


def _contend(*, workers: int, work: Callable[[int, HeldLease], None]) -> None:
    """Real threads and a real clock on one Lease, with short times."""
    api = ApiServer(namespaces=("default", "locks"))
    clock = SystemClock()
    settings = replace(
        DEFAULTS.lease,
        duration_s=1.0,
        renew_every_s=0.2,
        renew_deadline_s=0.6,
        retry_every_s=0.02,
        acquire_timeout_s=20,
    )
    failures: list[BaseException] = []
    audit = Audit(log=Log(clock=clock, stream=io.StringIO()))
    kube = Kube(transport=InProcess(api), clock=clock, settings=DEFAULTS.kubernetes, random=lambda: 0.5, audit=audit)

    def contend(number: int) -> None:
        lease = TaskLease(
            kube=kube,
            clock=clock,
            random=lambda: number / workers,
            settings=settings,
            namespace="locks",
            name="one",
            holder=Holder(pod="", pod_uid=f"uid-{number}", workflow_uid="laptop"),
        )
        try:
            held = lease.acquire(take)
            assert held is not None
            work(number, held)
            held.release(RECORD)
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=25)
    assert not failures
    assert api.get("leases", "one", namespace="locks")["spec"]["leaseTransitions"] == workers


def test_five_contenders_hold_one_after_the_other_and_all_are_served() -> None:
    intervals: list[tuple[float, float, int]] = []

    def work(number: int, held: HeldLease) -> None:
        began = time.monotonic()
        time.sleep(0.1)  # the work that the lock guards
        held.ensure_held()
        intervals.append((began, time.monotonic(), number))

    _contend(workers=5, work=work)
    assert {number for *_, number in intervals} == set(range(5))
    ordered = sorted(intervals)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(ordered))


def test_no_update_is_lost_under_the_lock() -> None:
    shared: list[int] = []

    def work(number: int, held: HeldLease) -> None:
        held.ensure_held()
        seen = list(shared)
        time.sleep(0.02)  # long enough for an unguarded writer to get in between
        shared[:] = [*seen, number]

    _contend(workers=5, work=work)
    assert sorted(shared) == list(range(5))


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


def test_a_held_lease_is_not_asked_for_by_a_superseded_push(scene: Scene) -> None:
    def decline(_: Record | None) -> Record | None:
        return None

    context: StepContext = scene.context(scene.workflow(), pod="only")
    assert context.lease().acquire(decline) is None
    assert not [call for call in scene.api.calls if call.method != "GET"]


@pytest.mark.parametrize(("retry_after", "writes"), [("", None), ("30", 5)], ids=["no Retry-After", "Retry-After 30"])
def test_a_lease_that_cannot_be_written_is_tried_until_the_acquire_timeout_and_not_longer(
    scene: Scene, retry_after: str, writes: int | None
) -> None:
    lease = scene.context(scene.workflow(), pod="first").lease()
    headers = {"Retry-After": retry_after} if retry_after else {}
    scene.api.faults.add(Fault(method="POST", path="/leases", times=0, status=503, message="no space", headers=headers))
    began = scene.clock.monotonic()
    with pytest.raises(UnavailableError, match=r"could not be written within 120 s: .*no space") as caught:
        lease.acquire(take)
    assert isinstance(caught.value.__cause__, UnavailableError)
    assert scene.clock.monotonic() - began == pytest.approx(DEFAULTS.lease.acquire_timeout_s, abs=0.1)
    sent = len([call for call in scene.api.calls if call.method == "POST" and "/leases" in call.path])
    assert writes is None or sent == writes


def test_a_lease_that_another_client_always_creates_first_is_busy(scene: Scene) -> None:
    lease = scene.context(scene.workflow(), pod="first").lease()
    scene.api.faults.add(Fault(method="POST", path="/leases", times=0, status=409, reason="AlreadyExists"))
    with pytest.raises(LockBusyError, match="is held by another holder: try again when it is released"):
        lease.acquire(take)

"""Who waits for a Lease, how long, and that all are served one after the other."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from steps.core.clock import SystemClock
from steps.core.errors import Exit, LockBusyError, UnavailableError
from steps.domain.record import Record
from steps.kube.client import Kube
from steps.lease.held_lease import HeldLease
from steps.lease.holder import Holder
from steps.lease.task_lease import TaskLease
from steps.runtime.context import StepContext
from steps.telemetry.audit import Audit
from steps.telemetry.log import Log
from tests.doubles.kubernetes import ApiServer, Fault
from tests.support.harness import DEFAULTS, Scene
from tests.support.scene.in_process import InProcess
from tests.unit.lease.holders import RECORD, acquired, take


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
    reads = [call.at for call in scene.api.calls if call.method == "GET" and "/leases/" in call.path]
    gaps = [(after - before).total_seconds() for before, after in pairwise(reads[1:])]
    assert gaps == [pytest.approx(pause_s)] * len(gaps)
    assert len(gaps) > 20


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

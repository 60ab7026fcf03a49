"""A pass that crashes before or after any call, or gets any bad answer, does no harm, and later passes finish."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from steps.cancellation.state_update import STATE_EPOCH
from steps.core.errors import StepError
from steps.core.keys import RECORD
from steps.domain.record import Phase, Record, parse_record
from steps.kube.events import EventReason
from steps.observed_state.repair_attempts import ATTENTION_LABEL
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction
from tests.doubles.kubernetes import Fault
from tests.support.broken_cluster import AGENTS, HOME, LOST, ORPHANED, STALE, STRAY, STUCK, UNREADABLE, a_world, name_of
from tests.support.fault_injection import Crash, crash_at_github, raise_crash
from tests.support.harness import Scene

FOR_A_PERSON = {FindingKind.CORRUPT_STATE, FindingKind.UNREADABLE_RECORD}


def records(scene: Scene) -> dict[str, Record]:
    leases = {lease["metadata"]["name"]: lease["metadata"] for lease in scene.api.list("leases", namespace=HOME)}
    return {
        name: parse_record(each["annotations"][RECORD]) for name, each in leases.items() if name != name_of(UNREADABLE)
    }


def finish(scene: Scene) -> None:
    """Later passes, and the Workflows that they submit."""
    for _ in range(6):
        scene.clock.jump(121)
        repairs = scene.reconcile()
        scene.run_repairs()
        if {repair.finding.kind for repair in repairs} <= FOR_A_PERSON:
            return
    raise AssertionError(f"not finished: {repairs}")


def check(scene: Scene, kept: set[str]) -> None:
    assert scene.runs() == kept
    assert set(scene.github.labels(1)) == {"remediation-in-progress"}
    found = records(scene)
    assert {record.phase for record in found.values()} == {Phase.COMPLETED}
    leases = scene.api.list("leases", namespace=HOME)
    assert {lease["spec"]["holderIdentity"] for lease in leases} == {""}
    assert set(found) == {name_of(task) for task in (STUCK, STALE, ORPHANED, STRAY, LOST)}, "the idle Lease is deleted"
    states = {each["metadata"]["name"]: each for each in scene.api.list("configmaps", namespace=AGENTS)}
    assert json.loads(states["task-10-state"]["data"]["state.json"])["cancellation_in_progress"] is False
    assert json.loads(states["task-10-state"]["data"]["state.json"])["kept"] == 1
    assert STATE_EPOCH not in (states["task-11-state"]["metadata"].get("annotations") or {})
    assert set(states["task-12-state"]["data"].values()) == {"{corrupt"}
    unreadable = scene.api.get("leases", name_of(UNREADABLE), namespace=HOME)["metadata"]
    assert unreadable["labels"][ATTENTION_LABEL] == "true"
    assert unreadable["annotations"][RECORD] == "{unreadable"
    assert len(scene.kubernetes_events(EventReason.NEEDS_ATTENTION)) <= 1, "a task is escalated once"
    repairs = scene.reconcile()
    assert [repair.action for repair in repairs] == [RepairAction.REPORT] * 2


def count_calls() -> tuple[int, int]:
    with a_world() as (scene, kept):
        scene.reconcile()
        calls = len(scene.api.calls), len(scene.github.calls)
        finish(scene)
        check(scene, kept)
        return calls


KUBERNETES_CALLS, GITHUB_CALLS = count_calls()


def interrupted_pass(scene: Scene) -> None:
    """A pass that fails. Its pod is gone by the next minute."""
    with suppress(Crash, StepError):
        scene.reconcile()
    scene.api.delete("pods", "reconcile", namespace=HOME, gracePeriodSeconds=0)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_a_pass_that_crashes_at_any_call_is_finished_by_later_ones(call: int, moment: str) -> None:
    with a_world() as (scene, kept):
        hooks: dict[str, Any] = {moment: raise_crash}
        scene.api.faults.add(Fault(nth=call, **hooks))
        interrupted_pass(scene)
        finish(scene)
        check(scene, kept)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"lose": "request"}, id="reset before"),
        pytest.param({"lose": "reply"}, id="reset after"),
        pytest.param({"status": 500, "reason": "InternalError"}, id="500"),
        pytest.param({"status": 429, "reason": "TooManyRequests", "headers": {"Retry-After": "2"}}, id="429"),
        pytest.param({"status": 409, "reason": "Conflict"}, id="409"),
        pytest.param({"status": 403, "reason": "Forbidden"}, id="403"),
    ],
)
@pytest.mark.parametrize("call", range(1, KUBERNETES_CALLS + 1))
def test_after_a_bad_answer_to_any_call_later_passes_finish(call: int, answer: dict[str, Any]) -> None:
    with a_world() as (scene, kept):
        scene.api.faults.add(Fault(nth=call, **answer))
        interrupted_pass(scene)
        finish(scene)
        check(scene, kept)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, GITHUB_CALLS + 1))
def test_a_pass_that_crashes_at_any_call_to_github_is_finished_by_later_ones(
    monkeypatch: pytest.MonkeyPatch, call: int, moment: str
) -> None:
    with a_world() as (scene, kept):
        crash_at_github(monkeypatch, call=call, moment=moment)
        interrupted_pass(scene)
        finish(scene)
        check(scene, kept)

"""Idle Leases: which Leases are idle, and that exactly the judged version is deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.cancellation.state_update import STATE_EPOCH, STATE_EPOCH_OF
from steps.core.errors import Exit
from steps.domain.record import Phase
from steps.observed_state.task_state import TaskState, read_task_state
from steps.reconciliation.finding import Finding, FindingKind
from steps.reconciliation.garbage_collection import delete_idle_lease, idle_leases
from steps.reconciliation.snapshot import ClusterSnapshot
from steps.reconciliation.task_index import TaskIndex
from steps.telemetry.audit import WriteCause
from tests.support.factories import DONE, NOW, ago, finding, run, task_state
from tests.support.harness import DEFAULTS, Scene

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents[0]
IDLE_S = DEFAULTS.reconcile.keep_idle_days * 86400
FINDING = finding(FindingKind.STUCK)


def idle(**changes: Any) -> TaskState:  # noqa: ANN401 - passed on
    return task_state(**({"renewed_at": ago(IDLE_S)} | changes))


def outdated(*task_states: TaskState, findings: tuple[Finding, ...] = (), **snapshot: Any) -> list[TaskState]:  # noqa: ANN401 - passed on
    index = TaskIndex.from_snapshot(ClusterSnapshot(now=NOW, task_states=task_states, **snapshot), settings=DEFAULTS)
    return list(idle_leases(index, findings))


def test_a_lease_is_outdated_after_the_idle_days_and_not_a_second_before() -> None:
    assert outdated(idle()) == [idle()]
    assert outdated(idle(renewed_at=ago(IDLE_S - 1))) == []


def test_a_lease_without_a_time_counts_from_the_end_of_its_cancellation() -> None:
    """A person has emptied its spec to free the lock."""
    old = idle(renewed_at=None, record=replace(DONE, finished_at=ago(IDLE_S)))
    assert outdated(old) == [old]
    assert outdated(replace(old, record=replace(DONE, finished_at=ago(IDLE_S - 1)))) == []
    assert outdated(replace(old, record=None)) == []


@pytest.mark.parametrize(
    "reason",
    [
        {"escalated": True},
        {"holder": "w/u/p"},
        {"problem": "unreadable", "record": None},
        {"record": replace(DONE, phase=Phase.FAILED)},
    ],
    ids=str,
)
def test_a_held_unfinished_or_escalated_lease_is_kept(reason: dict[str, Any]) -> None:
    assert outdated(idle(**reason)) == []


def test_a_lease_is_kept_if_another_object_refers_to_its_task() -> None:
    other = idle(task="8", name="other")
    assert outdated(idle(), other, findings=(FINDING,)) == [other]
    assert outdated(idle(), other, busy=frozenset({("7", "o.other")})) == [other]
    assert outdated(idle(), other, runs=(run("7", repository="o/other"),)) == [other]
    assert (
        outdated(idle(), other, runs=(run("7"),), findings=(finding(FindingKind.ORPHANED_LOCK, task_state=other),))
        == []
    )


def test_a_lease_whose_holder_had_a_wrong_clock_is_outdated_as_well() -> None:
    """Its time is years ahead. The watermark counts."""
    future = idle(renewed_at=ago(-IDLE_S), record=replace(DONE, watermark=ago(IDLE_S)))
    wrong = finding(FindingKind.WRONG_CLOCK, task_state=future)
    assert outdated(future, findings=(wrong,)) == [future]


def test_all_leases_are_kept_while_the_live_runs_are_not_known() -> None:
    assert outdated(idle(), runs_known=False) == []


# Deleting a Lease.


def judged(scene: Scene, *, document: bool = True) -> TaskState:
    """A Lease as a pass read it. The task's state document has its epoch."""
    if document:
        metadata = {"name": "task-7-state", "namespace": AGENTS, "annotations": {STATE_EPOCH: "1", "note": "theirs"}}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state.json": "{}"}}
        scene.api.create(config_map)
    assert scene.play(scene.workflow()) is Exit.DONE
    found = read_task_state(scene.lease())
    scene.api.calls.clear()
    return found


def notes(scene: Scene) -> dict[str, str]:
    found: dict[str, str] = scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["metadata"]["annotations"]
    return found


def collected(scene: Scene) -> list[dict[str, Any]]:
    return [line for line in scene.events() if line["event"] == "idle Lease deleted"]


def leases(scene: Scene) -> list[Any]:
    return scene.api.list("leases", namespace=HOME)


def test_the_lease_is_deleted_after_its_epoch_is_removed_from_the_state_document(scene: Scene) -> None:
    found = judged(scene)
    delete_idle_lease(found, context=scene.reconcile_context())
    assert leases(scene) == []
    assert notes(scene) == {"note": "theirs"}
    writes = [(call.method, call.path.rsplit("/", 2)[-2]) for call in scene.api.calls if call.method != "GET"]
    assert writes[-2:] == [("PUT", "configmaps"), ("DELETE", "leases")]
    assert scene.api.calls[-1].body["preconditions"] == {
        "uid": found.uid,
        "resourceVersion": found.resource_version,
    }
    assert [(line["lease"], line["task"], line["epoch"]) for line in collected(scene)] == [(found.name, "7", 1)]
    written = [line for line in scene.events() if line.get("cause") == WriteCause.IDLE]
    assert [(line["epoch"], line["detail"]) for line in written] == [(1, "task 7")] * 2


def test_a_document_without_an_epoch_is_not_written(scene: Scene) -> None:
    found = judged(scene)
    forgotten = {"metadata": {"annotations": {STATE_EPOCH: None}}}
    scene.api.patch("configmaps", "task-7-state", forgotten, namespace=AGENTS)
    scene.api.calls.clear()
    delete_idle_lease(found, context=scene.reconcile_context())
    assert "PUT" not in {call.method for call in scene.api.calls}
    assert leases(scene) == []


@pytest.mark.parametrize("of", ["cancel-other", "{name}/another-uid"], ids=["of another task", "created again"])
def test_the_epoch_of_another_lease_stays_in_the_document(scene: Scene, of: str) -> None:
    """Two repositories may have a task of the same id, and one state document."""
    found = judged(scene)
    other = {STATE_EPOCH: "1", STATE_EPOCH_OF: of.format(name=found.name)}
    scene.api.patch("configmaps", "task-7-state", {"metadata": {"annotations": other}}, namespace=AGENTS)
    delete_idle_lease(found, context=scene.reconcile_context())
    assert notes(scene) == other | {"note": "theirs"}
    assert leases(scene) == []


def test_the_lease_of_a_task_without_a_document_is_deleted(scene: Scene) -> None:
    delete_idle_lease(judged(scene, document=False), context=scene.reconcile_context())
    assert leases(scene) == []


def test_a_lease_that_changed_meanwhile_is_kept_and_a_missing_one_causes_no_error(scene: Scene) -> None:
    found = judged(scene)
    change = {"metadata": {"labels": {"example.com/note": "checked"}}}
    scene.api.patch("leases", found.name, change, namespace=HOME)
    delete_idle_lease(found, context=scene.reconcile_context())
    assert len(leases(scene)) == 1
    scene.api.delete("leases", found.name, namespace=HOME)
    delete_idle_lease(found, context=scene.reconcile_context())
    assert collected(scene) == []

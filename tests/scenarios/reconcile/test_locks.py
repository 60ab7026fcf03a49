"""Locks, flags, documents and records with a problem, including changes between the snapshot and the repair."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from steps.core.errors import Exit
from steps.core.keys import RECORD
from steps.domain.record import LabelOutcome, Phase
from steps.kube.events import EventReason
from steps.observed_state.repair_attempts import ATTENTION_LABEL, read_attempts
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.metrics import ReconcileMetric
from steps.reconciliation.planning import RepairAction
from tests.doubles import argo_controller
from tests.doubles.clock import ManualClock
from tests.doubles.kubernetes import Fault
from tests.support.harness import Scene
from tests.support.scenarios import (
    AGENTS,
    HOME,
    check_done,
    done,
    failed,
    found,
    found_by,
    interrupted,
    pushed,
    put_record,
    put_state,
    state,
)


def test_a_lease_whose_holder_is_gone_is_released(scene: Scene) -> None:
    done(scene)
    name = scene.lease()["metadata"]["name"]
    scene.api.patch("leases", name, {"spec": {"holderIdentity": "w/u/gone"}}, namespace=HOME)
    scene.later(61)
    assert found(scene.reconcile()) == [(FindingKind.ORPHANED_LOCK, RepairAction.FREE)]
    check_done(scene)


def test_a_lease_is_left_alone_while_its_holder_renews_it(scene: Scene) -> None:
    done(scene)
    context = scene.context(scene.workflow(), pod="alive")
    patch = {"spec": {"holderIdentity": str(context.holder)}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)
    scene.argo.mark(context.workflow, argo_controller.SUCCEEDED)
    scene.later(290)
    assert found(scene.reconcile()) == []
    scene.later(20)
    assert found(scene.reconcile()) == [(FindingKind.ORPHANED_LOCK, RepairAction.FREE)], (
        "it has not renewed for five minutes"
    )


@pytest.mark.parametrize("leased", [True, False])
def test_a_flag_without_a_cancellation_is_cleared(scene: Scene, *, leased: bool) -> None:
    if leased:
        done(scene)
    put_state(scene, json.dumps({"cancellation_in_progress": True, "kept": [1]}))
    assert found(scene.reconcile()) == [(FindingKind.STRAY_FLAG, RepairAction.CLEAR)]
    assert (state(scene)["cancellation_in_progress"], state(scene)["kept"]) == (False, [1])
    assert found(scene.reconcile()) == []
    if leased:
        check_done(scene)


def test_the_flag_of_an_active_cancellation_is_kept(scene: Scene) -> None:
    put_state(scene, "{}")
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.begin(scene.workflow(), pod="working")
    scene.later(290)
    assert found(scene.reconcile()) == []
    scene.later(310)
    assert found(scene.reconcile()) == [(FindingKind.NOT_STARTED, RepairAction.REPORT)], "its pod stands still"
    assert state(scene)["cancellation_in_progress"] is True


def test_a_corrupt_document_is_copied_once_and_reported_until_it_is_corrected(scene: Scene) -> None:
    put_state(scene, "{corrupt")
    assert found(scene.reconcile()) == [(FindingKind.CORRUPT_STATE, RepairAction.QUARANTINE_DOCUMENT)]
    stored = scene.api.get("configmaps", "task-7-state", namespace=AGENTS)
    assert stored["data"] == {"state.json": "{corrupt", "state.json.quarantine": "{corrupt"}
    assert found(scene.reconcile()) == [(FindingKind.CORRUPT_STATE, RepairAction.REPORT)]
    after = scene.api.get("configmaps", "task-7-state", namespace=AGENTS)
    assert after["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 99}'])
def test_an_unreadable_record_is_escalated_once_with_advice(scene: Scene, text: str) -> None:
    done(scene)
    patch: dict[str, Any] = {"metadata": {"annotations": {RECORD: text}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)
    assert found(scene.reconcile()) == [(FindingKind.UNREADABLE_RECORD, RepairAction.ESCALATE)]
    assert scene.lease()["metadata"]["labels"][ATTENTION_LABEL] == "true"
    assert scene.lease()["metadata"]["annotations"][RECORD] == text
    assert found(scene.reconcile()) == [(FindingKind.UNREADABLE_RECORD, RepairAction.REPORT)]
    (event,) = scene.kubernetes_events(EventReason.NEEDS_ATTENTION)
    assert (event["involvedObject"]["kind"], event["reason"], event["type"]) == ("Lease", "NeedsAttention", "Warning")
    assert "delete its annotation" in event["message"]


def test_a_record_that_was_copied_to_the_lease_of_another_task_is_not_used(scene: Scene) -> None:
    failed(scene)
    lease = scene.lease()
    metadata = lease["metadata"] | {"name": "cancel-copied"}
    scene.api.create(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {key: metadata[key] for key in ("name", "namespace", "labels", "annotations")},
            "spec": lease["spec"],
        }
    )
    assert found(scene.reconcile()) == [
        (FindingKind.FAILED, RepairAction.SUBMIT),
        (FindingKind.UNREADABLE_RECORD, RepairAction.ESCALATE),
    ]
    assert len(scene.repairs()) == 1


def test_a_holders_clock_an_hour_ahead_is_reported_and_delays_nothing(scene: Scene) -> None:
    interrupted(scene)
    ahead = {"spec": {"renewTime": "2026-03-01T13:00:00.000000Z"}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], ahead, namespace=HOME)
    scene.later(320)
    assert found(scene.reconcile()) == [
        (FindingKind.STUCK, RepairAction.SUBMIT),
        (FindingKind.WRONG_CLOCK, RepairAction.REPORT),
    ]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_the_clock_of_reconciles_pod_is_not_used(scene: Scene) -> None:
    interrupted(scene)

    class Ahead(ManualClock):
        """The clock of a node that is an hour ahead."""

        def now(self) -> datetime:
            """Wall-clock time."""
            return scene.clock.now() + timedelta(hours=1)

        def monotonic(self) -> float:
            """Seconds that never jump."""
            return scene.clock.monotonic()

    context = replace(scene.reconcile_context(), clock=Ahead())
    assert found_by(context) == []
    passed_at = float(scene.measured["reconcile"].values[ReconcileMetric.PASSED_AT])
    assert passed_at == pytest.approx(scene.clock.timestamp(), abs=1)


# Changes between the snapshot and the repair.


def test_a_record_that_changed_meanwhile_is_not_reopened(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    scene.github.edit_labels(1, add=["skip-automation"])
    done(scene)
    put_record(scene, labels=LabelOutcome.MOVED)
    newer = {"labels": LabelOutcome.SKIPPED, "attempts": 9}
    scene.api.faults.add(Fault(method="GET", path="/leases/", before=lambda _: put_record(scene, **newer)))
    assert found(scene.reconcile()) == [(FindingKind.LIVE_STALE, RepairAction.REOPEN)]
    assert (scene.record().phase, scene.record().attempts) == (Phase.COMPLETED, 9)
    assert scene.repairs() == []


def test_a_lease_that_was_taken_meanwhile_is_not_released(scene: Scene) -> None:
    done(scene)
    name = scene.lease()["metadata"]["name"]
    scene.api.patch("leases", name, {"spec": {"holderIdentity": "w/u/gone"}}, namespace=HOME)
    scene.later(61)
    taken = {"spec": {"holderIdentity": "w/u/new", "leaseTransitions": 9}}
    scene.api.faults.add(
        Fault(method="GET", path="/leases/", before=lambda _: scene.api.patch("leases", name, taken, namespace=HOME))
    )
    assert found(scene.reconcile()) == [(FindingKind.ORPHANED_LOCK, RepairAction.FREE)]
    assert scene.lease()["spec"]["holderIdentity"] == "w/u/new"


def test_an_attempt_is_counted_once_if_an_answer_is_lost(scene: Scene) -> None:
    failed(scene)
    scene.api.faults.add(Fault(method="PUT", path="/leases/", lose="reply"))
    scene.reconcile()
    assert read_attempts(scene.lease()["metadata"]).count == 1

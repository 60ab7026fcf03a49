"""The exact results of a repair: names, labels, times, audit lines and Events."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from steps.cancellation.workflow import REPAIR_LABEL
from steps.core.keys import RECORD, REPOSITORY
from steps.domain.push import Repository
from steps.domain.record import Phase
from steps.domain.task_id import TaskId
from steps.kube.events import EventReason
from steps.lease.lease_object import lease_name
from steps.observed_state.repair_attempts import ATTEMPTS_ANNOTATION, ATTENTION_LABEL, read_attempts
from steps.observed_state.task_state import read_task_state
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import PlannedRepair, RepairAction
from steps.reconciliation.repair import apply_repair
from steps.telemetry.audit import WriteCause
from tests.doubles.kubernetes import Fault
from tests.support.factories import finding
from tests.support.harness import DEFAULTS, NEW, Scene
from tests.support.harness import REPOSITORY as REPOSITORY_NAME
from tests.support.scenarios import AGENTS, HOME, done, failed, found, put_record, put_state, state

LEASE = lease_name(repository=Repository(REPOSITORY_NAME), task=TaskId("7"))


def repair(epoch: int, *, attempt: int = 0) -> str:
    """Name of the Workflow of a repair."""
    return f"cancel-repair-{hashlib.sha256(LEASE.encode()).hexdigest()[:10]}-e{epoch}-t{attempt}-{NEW[:8]}"


def epoch(scene: Scene) -> int:
    """Epoch of the task's Lease."""
    return int(scene.lease()["spec"]["leaseTransitions"])


def audited(scene: Scene, cause: WriteCause) -> list[tuple[int | None, str]]:
    """Epoch and detail of the writes of a cause."""
    lines = [line for line in scene.events() if line.get("event") == "audit" and line["cause"] == cause]
    return [(line.get("epoch"), line.get("detail", "")) for line in lines]


def reopen(scene: Scene) -> None:
    """Create a stale run under a finished record, and find it."""
    hidden = scene.agent(labels={"task-id": "700"})["metadata"]["name"]
    scene.later(5)
    done(scene)
    scene.api.patch("coderuns", hidden, {"metadata": {"labels": {"task-id": "7"}}}, namespace=AGENTS)


# Submitted Workflows.


def test_a_repair_has_the_epoch_in_its_name_and_the_repair_label(scene: Scene) -> None:
    failed(scene)
    scene.reconcile()
    (workflow,) = scene.repairs()
    assert workflow["metadata"]["name"] == repair(epoch(scene))
    labels = workflow["metadata"]["labels"]
    assert (labels[REPAIR_LABEL], labels[REPOSITORY]) == ("true", "5dlabs.cto")
    assert audited(scene, WriteCause.REPAIR) == [(epoch(scene), FindingKind.FAILED)]


def test_a_push_without_a_lease_is_repaired_without_an_epoch(scene: Scene) -> None:
    scene.agent()
    scene.later(60)
    scene.github.push("task-7-work", NEW)
    scene.later(121)
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
    assert [each["metadata"]["name"] for each in scene.repairs()] == [repair(0)]
    assert audited(scene, WriteCause.REPAIR) == [(None, FindingKind.LOST_PUSH)]
    assert read_attempts(scene.lease()["metadata"]).count == 1, "a Lease was created for the count"


def test_each_attempt_has_its_number_in_its_name(scene: Scene) -> None:
    failed(scene)
    count = json.dumps({"count": 1, "total": 4, "at": "2026-03-01T00:00:00Z"})
    scene.api.patch("leases", LEASE, {"metadata": {"annotations": {ATTEMPTS_ANNOTATION: count}}}, namespace=HOME)
    scene.later(600)
    scene.reconcile()
    assert [each["metadata"]["name"] for each in scene.repairs()] == [repair(epoch(scene), attempt=4)]


def test_a_reopened_record_fails_now_and_its_repair_has_the_new_epoch(scene: Scene) -> None:
    reopen(scene)
    before = epoch(scene)
    scene.later(60)
    assert found(scene.reconcile()) == [(FindingKind.LIVE_STALE, RepairAction.REOPEN)]
    assert (scene.record().phase, scene.record().finished_at) == (Phase.FAILED, scene.clock.now())
    assert epoch(scene) == before + 1
    assert [each["metadata"]["name"] for each in scene.repairs()] == [repair(before + 1)]


def test_counting_an_attempt_restores_the_labels_of_the_lease(scene: Scene) -> None:
    """A pass would not find a Lease without labels."""
    failed(scene)
    stripped = {"metadata": {"labels": {REPOSITORY: None}}}
    scene.api.patch("leases", LEASE, stripped, namespace=HOME)
    scene.reconcile()
    assert scene.lease()["metadata"]["labels"][REPOSITORY] == "5dlabs.cto"


@pytest.mark.parametrize("action", [RepairAction.WAIT, RepairAction.REPORT])
def test_report_and_wait_send_no_request(scene: Scene, action: RepairAction) -> None:
    failed(scene)
    failed_push = finding(FindingKind.FAILED, task_state=read_task_state(scene.lease()))
    context = scene.reconcile_context()
    scene.api.calls.clear()
    apply_repair(PlannedRepair(finding=failed_push, action=action), context=context)
    assert scene.api.calls == []


# Writes of reconcile itself.


def test_the_audit_names_the_holder_and_the_epoch_of_a_released_lease(scene: Scene) -> None:
    done(scene)
    scene.api.patch("leases", LEASE, {"spec": {"holderIdentity": "w/u/gone"}}, namespace=HOME)
    held = scene.lease()
    scene.later(61)
    assert found(scene.reconcile()) == [(FindingKind.ORPHANED_LOCK, RepairAction.FREE)]
    assert audited(scene, WriteCause.ORPHANED) == [(epoch(scene), "of w/u/gone")]
    assert scene.lease()["spec"] == held["spec"] | {"holderIdentity": ""}


def test_a_flag_without_a_lease_is_cleared_without_an_epoch(scene: Scene) -> None:
    put_state(scene, '{"cancellation_in_progress": true}')
    scene.reconcile()
    assert state(scene)["cancellation_in_progress"] is False
    assert audited(scene, WriteCause.STATE) == [(None, FindingKind.STRAY_FLAG)]


def test_a_document_that_was_corrected_meanwhile_is_not_changed(scene: Scene) -> None:
    put_state(scene, "{corrupt")
    corrected = {"data": {"state.json": '{"cancellation_in_progress": true}'}}

    def correct(_: object) -> None:
        scene.api.patch("configmaps", "task-7-state", corrected, namespace=AGENTS)

    scene.api.faults.add(Fault(method="GET", path="/configmaps/", before=correct))
    assert found(scene.reconcile()) == [(FindingKind.CORRUPT_STATE, RepairAction.QUARANTINE_DOCUMENT)]
    assert scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"] == corrected["data"]


# Escalation.


def called(scene: Scene) -> tuple[str, dict[str, Any]]:
    """The Event's message and the log line."""
    (event,) = scene.kubernetes_events(EventReason.NEEDS_ATTENTION)
    (line,) = (line for line in scene.events() if line.get("event") == "needs attention")
    return event["message"], line


def test_an_escalation_has_the_number_of_attempts_and_advice(scene: Scene) -> None:
    failed(scene)
    put_record(scene, errors=("StillRunningError: its object still exists",))
    count = json.dumps({"count": DEFAULTS.reconcile.tries, "total": 9, "at": "2026-03-01T00:00:00Z"})
    scene.api.patch("leases", LEASE, {"metadata": {"annotations": {ATTEMPTS_ANNOTATION: count}}}, namespace=HOME)
    ((finding, action),) = ((repair.finding, repair.action) for repair in scene.reconcile())
    assert (finding.kind, action) == (FindingKind.FAILED, RepairAction.ESCALATE)
    message, line = called(scene)
    advice = f"see the log of its last Workflow, then remove label {ATTENTION_LABEL} from the Lease"
    assert message == f"failed: {finding.detail}. tried 5 times. {finding.advice or advice}"
    assert {key: line[key] for key in ("level", "finding", "task", "repository", "lease", "detail", "advice")} == {
        "level": "error",
        "finding": "failed",
        "task": "7",
        "repository": REPOSITORY_NAME,
        "lease": LEASE,
        "detail": finding.detail,
        "advice": f"correct the problem, then remove label {ATTENTION_LABEL} from the Lease",
    }


def test_an_escalation_of_an_unrepairable_finding_has_its_advice(scene: Scene) -> None:
    done(scene)
    scene.api.patch("leases", LEASE, {"metadata": {"annotations": {RECORD: "{"}}}, namespace=HOME)
    (repair,) = scene.reconcile()
    message, _ = called(scene)
    seen = repair.finding
    assert message == f"{seen.kind}: {seen.detail}. Not repaired automatically. {seen.advice}"


def test_the_message_of_an_event_is_bounded(scene: Scene) -> None:
    failed(scene)
    unreadable = finding(
        FindingKind.UNREADABLE_RECORD,
        detail="d" * 9000,
        advice="a" * 9000,
        task_state=read_task_state(scene.lease()),
    )
    apply_repair(
        PlannedRepair(finding=unreadable, action=RepairAction.ESCALATE, reason="w"), context=scene.reconcile_context()
    )
    message, _ = called(scene)
    assert message == f"unreadable-record: {'d' * 500}. w. {'a' * 300}"


def test_an_account_that_may_not_create_events_still_labels_the_lease(scene: Scene) -> None:
    done(scene)
    scene.api.patch("leases", LEASE, {"metadata": {"annotations": {RECORD: "{"}}}, namespace=HOME)
    scene.api.faults.add(Fault(method="POST", path="/events", status=403, reason="Forbidden", times=100))
    scene.reconcile()
    assert scene.kubernetes_events(EventReason.NEEDS_ATTENTION) == []
    assert scene.lease()["metadata"]["labels"][ATTENTION_LABEL] == "true"


def test_without_events_the_lease_is_still_labelled(scene: Scene) -> None:
    done(scene)
    scene.reconcile_settings = replace(DEFAULTS, kubernetes=replace(DEFAULTS.kubernetes, events=False))
    scene.api.patch("leases", LEASE, {"metadata": {"annotations": {RECORD: "{"}}}, namespace=HOME)
    scene.reconcile()
    assert scene.kubernetes_events(EventReason.NEEDS_ATTENTION) == []
    assert scene.lease()["metadata"]["labels"][ATTENTION_LABEL] == "true"

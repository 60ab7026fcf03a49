"""How attempts are counted on a task's Lease: pauses, unreadable counts, and writes of other clients."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steps.core.errors import ConflictError, Exit, UnavailableError
from steps.domain.push import Repository
from steps.domain.task_id import TaskId
from steps.kube.transport import Json
from steps.lease.lease_object import lease_name
from steps.observed_state.repair_attempts import (
    ATTEMPTS_ANNOTATION,
    ATTENTION_LABEL,
    RepairAttempts,
    is_escalated,
    read_attempts,
)
from steps.reconciliation.attempts import count_attempt, count_repair, mark_escalated, reset_attempts
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import PlannedRepair, RepairAction
from steps.telemetry.audit import WriteCause
from tests.doubles.kubernetes import Fault
from tests.support.factories import finding, task_state
from tests.support.harness import DEFAULTS, REPOSITORY, Scene, Workflow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOME = DEFAULTS.namespaces.workflows
NAME = lease_name(repository=Repository(REPOSITORY), task=TaskId("7"))
NONE = RepairAttempts()


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def dealt_with(scene: Scene) -> Workflow:
    """A task with a free Lease."""
    workflow = scene.workflow()
    assert scene.play(workflow) is Exit.DONE
    scene.api.calls.clear()
    return workflow


def read(scene: Scene) -> RepairAttempts:
    return read_attempts(scene.lease()["metadata"])


def sent(scene: Scene) -> list[str]:
    return [call.method for call in scene.api.calls if "/leases" in call.path]


@pytest.mark.parametrize(("count", "pause_s"), [(1, 10), (2, 20), (3, 40), (4, 80), (5, 80), (9, 80)], ids=str)
def test_the_pause_doubles_up_to_the_longest(count: int, pause_s: float) -> None:
    tried = RepairAttempts(count=count, total=count, last_at=NOW)
    assert not tried.ready_at(later(pause_s - 0.1), backoff_s=10, longest=4)
    assert tried.ready_at(later(pause_s), backoff_s=10, longest=4)
    assert not tried.ready_at(NOW, backoff_s=10, longest=4)
    assert tried.ready_at(later(-0.1), backoff_s=10, longest=4), "a clock that is wrong holds nothing up"


@pytest.mark.parametrize("tried", [RepairAttempts(count=1), RepairAttempts(last_at=NOW), NONE])
def test_a_task_without_attempts_is_ready(tried: RepairAttempts) -> None:
    assert tried.ready_at(NOW, backoff_s=10, longest=4)


def noted(**changes: Any) -> Json:  # noqa: ANN401 - passed on
    values = {"count": 2, "total": 5, "at": "2026-03-01T12:00:00Z"} | changes
    return {
        "annotations": {
            ATTEMPTS_ANNOTATION: json.dumps({key: value for key, value in values.items() if value is not None})
        }
    }


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (noted(), RepairAttempts(count=2, total=5, last_at=NOW)),
        (noted(total=None), RepairAttempts(count=2, total=2, last_at=NOW)),
        (noted(total=1), RepairAttempts(count=2, total=2, last_at=NOW)),
        (noted(count=0, total=None), RepairAttempts(count=0, total=0, last_at=NOW)),
        (noted(count=-3, total=-3), RepairAttempts(count=0, total=0, last_at=NOW)),
        (noted(count=None), NONE),
        (noted(count="many"), NONE),
        (noted(count=[]), NONE),
        (noted(at=None), NONE),
        (noted(at="yesterday"), NONE),
        ({"annotations": {ATTEMPTS_ANNOTATION: "{"}}, NONE),
        ({"annotations": {ATTEMPTS_ANNOTATION: "[]"}}, NONE),
        ({"annotations": {ATTEMPTS_ANNOTATION: "[" * 100_000}}, NONE),
        ({"annotations": {}}, NONE),
        ({"annotations": None}, NONE),
        ({}, NONE),
    ],
    ids=lambda given: str(given)[:60],
)
def test_attempts_are_read_from_a_lease(metadata: Json, expected: RepairAttempts) -> None:
    assert read_attempts(metadata) == expected


@pytest.mark.parametrize(("labels", "waits"), [({ATTENTION_LABEL: ""}, True), ({}, False), (None, False)])
def test_a_task_is_escalated_if_it_has_the_label_with_any_value(labels: dict[str, str] | None, *, waits: bool) -> None:
    assert is_escalated({"labels": labels}) is waits


def test_an_attempt_is_counted_once_with_its_time_and_kind(scene: Scene) -> None:
    workflow = dealt_with(scene)
    context = scene.reconcile_context()
    before = scene.lease()
    for _ in range(2):
        count_attempt(NAME, of=workflow.push, after=NONE, what="stuck", context=context)
    assert read(scene) == RepairAttempts(count=1, total=1, last_at=scene.clock.now().replace(microsecond=0))
    after = scene.lease()
    assert json.loads(after["metadata"]["annotations"][ATTEMPTS_ANNOTATION])["what"] == "stuck"
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"].items() >= before["metadata"]["annotations"].items()
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    count_attempt(NAME, of=None, after=RepairAttempts(count=1, total=1), what="stuck", context=context)
    assert (read(scene).count, read(scene).total) == (2, 2)
    written = [line for line in scene.events() if line.get("cause") == WriteCause.TRIES]
    assert [line["detail"] for line in written] == ["stuck", "stuck"], "an unchanged Lease is not written"


OF_DOCUMENTS = (FindingKind.STRAY_FLAG, FindingKind.CORRUPT_STATE, FindingKind.NOT_STARTED)
WITH_A_PUSH = (
    FindingKind.LOST_PUSH,
    FindingKind.STUCK,
    FindingKind.FAILED,
    FindingKind.HALF_MOVED,
    FindingKind.LIVE_STALE,
)


@pytest.mark.parametrize("kind", [kind for kind in FindingKind if kind not in OF_DOCUMENTS])
def test_a_repair_of_a_lease_or_a_push_is_counted_on_the_lease(scene: Scene, kind: FindingKind) -> None:
    dealt_with(scene)
    known = task_state(name=NAME, attempts=RepairAttempts(count=2, total=5))
    repair = PlannedRepair(finding=finding(kind, task_state=known), action=RepairAction.SUBMIT)
    count_repair(repair, context=scene.reconcile_context())
    assert (read(scene).count, read(scene).total) == (3, 6)
    annotation = scene.lease()["metadata"]["annotations"][ATTEMPTS_ANNOTATION]
    assert json.loads(annotation)["what"] == kind


@pytest.mark.parametrize("kind", FindingKind)
def test_only_a_repair_with_a_push_creates_the_lease_that_is_missing(scene: Scene, kind: FindingKind) -> None:
    known = task_state(name=NAME)
    repair = PlannedRepair(finding=finding(kind, task_state=known), action=RepairAction.SUBMIT)
    count_repair(repair, context=scene.reconcile_context())
    assert (scene.api.find("leases", NAME, namespace=HOME) is not None) is (kind in WITH_A_PUSH)


@pytest.mark.parametrize("kind", OF_DOCUMENTS)
def test_a_repair_of_a_document_is_not_counted(scene: Scene, kind: FindingKind) -> None:
    dealt_with(scene)
    repair = PlannedRepair(finding=finding(kind, task_state=task_state(name=NAME)), action=RepairAction.SUBMIT)
    count_repair(repair, context=scene.reconcile_context())
    assert read(scene) == NONE


def test_counting_restores_the_labels_of_a_lease(scene: Scene) -> None:
    workflow = dealt_with(scene)
    lease = scene.lease()
    labels = lease["metadata"].pop("labels")
    scene.api.update(lease)
    count_attempt(NAME, of=workflow.push, after=NONE, what="stuck", context=scene.reconcile_context())
    assert scene.lease()["metadata"]["labels"].items() <= labels.items()
    assert scene.lease()["metadata"]["labels"]["agent-cancellation/task"] == "7"


def test_a_task_without_a_lease_gets_a_free_one_for_the_count(scene: Scene) -> None:
    workflow = scene.workflow()
    count_attempt(NAME, of=workflow.push, after=NONE, what="lost-push", context=scene.reconcile_context())
    lease = scene.lease()
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("", 0)
    assert lease["spec"]["renewTime"].startswith(f"{scene.clock.now():%Y-%m-%dT%H:%M:%S}")
    assert read(scene).count == 1
    assert lease["metadata"]["labels"]["agent-cancellation/repository"] == "5dlabs.cto"


def test_an_attempt_without_a_lease_and_a_push_is_not_counted(scene: Scene) -> None:
    count_attempt(NAME, of=None, after=NONE, what="stuck", context=scene.reconcile_context())
    assert sent(scene) == ["GET"]
    assert scene.api.find("leases", NAME, namespace=HOME) is None


def test_a_lease_that_appears_meanwhile_gets_the_count(scene: Scene) -> None:
    workflow = scene.workflow()
    appear = Fault(method="POST", path="/leases", before=lambda _: count_attempt(NAME, of=workflow.push, **again))
    again: dict[str, Any] = {"after": NONE, "what": "another's", "context": scene.reconcile_context(pod="another")}
    scene.api.faults.add(appear)
    count_attempt(
        NAME, of=workflow.push, after=RepairAttempts(count=1, total=1), what="mine", context=scene.reconcile_context()
    )
    assert (read(scene).count, read(scene).total) == (2, 2)


def test_a_healthy_task_keeps_only_its_total(scene: Scene) -> None:
    dealt_with(scene)
    reset_attempts(NAME, context=scene.reconcile_context())
    assert sent(scene) == ["GET"], "nothing was counted"
    count_attempt(NAME, of=None, after=NONE, what="stuck", context=scene.reconcile_context())
    at = read(scene).last_at
    scene.later(5)
    reset_attempts(NAME, context=scene.reconcile_context())
    assert read(scene) == RepairAttempts(count=0, total=1, last_at=at)
    assert json.loads(scene.lease()["metadata"]["annotations"][ATTEMPTS_ANNOTATION])["what"] == ""
    written = [line for line in scene.events() if line.get("cause") == WriteCause.TRIES]
    assert written[-1]["detail"] == "healthy"
    count_attempt(NAME, of=None, after=read(scene), what="stuck", context=scene.reconcile_context())
    assert (read(scene).count, read(scene).total) == (1, 2), "no two tries are called the same"


def test_an_escalated_task_keeps_its_labels_and_its_count_starts_again(scene: Scene) -> None:
    dealt_with(scene)
    before = scene.lease()["metadata"]["labels"]
    count_attempt(NAME, of=None, after=NONE, what="stuck", context=scene.reconcile_context())
    mark_escalated(NAME, context=scene.reconcile_context())
    assert scene.lease()["metadata"]["labels"] == before | {ATTENTION_LABEL: "true"}
    assert (read(scene).count, read(scene).total) == (0, 1)
    assert [line for line in scene.events() if line.get("cause") == WriteCause.ATTENTION]


def test_a_task_that_is_healthy_again_loses_only_the_label_for_a_person(scene: Scene) -> None:
    dealt_with(scene)
    before = scene.lease()["metadata"]["labels"]
    count_attempt(NAME, of=None, after=NONE, what="stuck", context=scene.reconcile_context())
    mark_escalated(NAME, context=scene.reconcile_context())
    reset_attempts(NAME, context=scene.reconcile_context())
    assert scene.lease()["metadata"]["labels"] == before


@pytest.mark.parametrize(
    ("fault", "error"),
    [({"status": 409, "reason": "Conflict"}, ConflictError), ({"lose": "request"}, UnavailableError)],
)
def test_a_change_is_attempted_eight_times_with_pauses(
    scene: Scene, fault: dict[str, Any], error: type[Exception]
) -> None:
    dealt_with(scene)
    context = scene.reconcile_context()
    scene.api.faults.add(Fault(method="PUT", path="/leases/", times=7, **fault))
    count_attempt(NAME, of=None, after=NONE, what="stuck", context=context)
    assert read(scene).count == 1
    scene.api.faults.add(Fault(method="PUT", path="/leases/", times=8, **fault))
    with pytest.raises(error):
        count_attempt(NAME, of=None, after=RepairAttempts(count=1, total=1), what="stuck", context=context)
    assert read(scene).count == 1
    assert sent(scene).count("PUT") == 16

"""The limits of a pass: repairs, attempts, requests and time; and the deletion of idle Leases."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from steps.cancellation.state_update import STATE_EPOCH
from steps.cancellation.workflow import build_workflow
from steps.core.errors import Exit, ForbiddenError
from steps.core.keys import RECORD
from steps.domain.record import Phase, dump_record
from steps.domain.task_id import TaskId
from steps.kube.events import EventReason
from steps.lease.lease_object import lease_name
from steps.observed_state.repair_attempts import ATTENTION_LABEL, is_escalated, read_attempts
from steps.reconcile import reconcile
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction
from steps.reconciliation.reconcile_pass import run_pass
from tests.doubles import argo_controller
from tests.doubles.github import delay
from tests.doubles.github import fail as github_fails
from tests.doubles.github.faults import Plan
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, REPOSITORY, Scene
from tests.support.scenarios import (
    AGENTS,
    HOME,
    check_done,
    done,
    failed,
    found,
    found_by,
    interrupted,
    put_record,
    put_state,
    stale_push,
    state,
)


def broken_tasks(scene: Scene, number: int) -> None:
    """Tasks with a failed record."""
    failed(scene)
    lease = scene.lease()
    record = scene.record()
    for task in range(100, 100 + number - 1):
        push = replace(record.push, task=TaskId(str(task)), ref=f"refs/heads/task-{task}-work")
        metadata = {
            "name": lease_name(repository=push.repository, task=push.task),
            "namespace": HOME,
            "labels": lease["metadata"]["labels"] | {"agent-cancellation/task": str(task)},
            "annotations": {RECORD: dump_record(replace(record, push=push))},
        }
        scene.api.create(
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": lease["spec"]}
        )


def test_at_most_the_allowed_number_of_repairs_runs_and_all_are_done_in_the_end(scene: Scene) -> None:
    broken_tasks(scene, 25)
    for left in (25, 15, 5):
        repairs = scene.reconcile()
        assert len(repairs) == left
        assert len(scene.repairs()) == min(10, left)
        assert [repair.action for repair in scene.reconcile()] == [RepairAction.WAIT] * max(0, left - 10)
        assert set(scene.run_repairs()) == {Exit.DONE}
    assert scene.reconcile() == ()


def test_a_slow_github_delays_no_repair_and_each_repository_is_asked_in_some_pass(scene: Scene) -> None:
    repositories = [f"5dlabs/r{number}" for number in range(9)]
    events = replace(DEFAULTS.events, repositories=(REPOSITORY, *repositories))
    scene.reconcile_settings = replace(DEFAULTS, events=events)
    failed(scene)
    for repository in repositories:
        scene.github.add_repository(repository)
        scene.agent(task=8, repository=repository)
    scene.later(300)
    scene.github.fault(delay(7), times=1e9)
    scene.github.calls.clear()
    for part in range(10):
        began = scene.clock.monotonic()
        run_pass(replace(scene.reconcile_context(), random=partial(float, part / 10)))
        assert scene.clock.monotonic() - began < 60, "a pod has two minutes"
    assert len(scene.repairs()) == 1
    asked = {call.path for call in scene.github.calls}
    assert asked >= {f"/repos/{each}/{what}" for each in repositories for what in ("activity", "pulls")}
    assert "asked about 2 of 10 repositories" in scene.output.getvalue()


def test_a_task_that_cannot_be_repaired_is_retried_with_pauses_and_then_escalated(scene: Scene) -> None:
    failed(scene)
    scene.github.delete_repository(REPOSITORY)
    submitted_at: list[float] = []
    while not scene.kubernetes_events(EventReason.NEEDS_ATTENTION):
        now = scene.clock.monotonic()
        if found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.SUBMIT)]:
            submitted_at.append(now)
            assert scene.run_repairs() == [Exit.BAD_INPUT]
        scene.later(3)
        assert now < 5000
    pauses = [later - earlier for earlier, later in itertools.pairwise(submitted_at)]
    assert pauses == [pytest.approx(pause, abs=3.5) for pause in (60, 120, 240, 480)]
    assert is_escalated(scene.lease()["metadata"])
    assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.REPORT)]
    assert [event["finding"] for event in scene.events() if event.get("event") == "needs attention"] == ["failed"]

    patch = {"metadata": {"labels": {ATTENTION_LABEL: None}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)
    assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.SUBMIT)], (
        "reconcile tries again once a person removes the label"
    )


def test_an_outage_of_github_escalates_no_task_and_is_repaired_afterwards(scene: Scene) -> None:
    failed(scene)
    scene.github.fault(github_fails(503), times=1e9)
    for _ in range(7):
        scene.clock.jump(1000)
        assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.SUBMIT)]
        assert scene.run_repairs() == [Exit.TRY_AGAIN]
        assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.WAIT)]
    assert scene.kubernetes_events(EventReason.NEEDS_ATTENTION) == []
    scene.github.plan = Plan()
    scene.clock.jump(1000)
    assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_labels_are_moved_after_a_long_outage_in_which_agents_were_stopped(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    scene.github.fault(github_fails(503), times=1e9)
    assert scene.play(stale_push(scene)) is Exit.DONE
    for _ in range(7):
        scene.clock.jump(1000)
        assert found(scene.reconcile()) == [(FindingKind.HALF_MOVED, RepairAction.SUBMIT)]
        assert scene.run_repairs() == [Exit.DONE]
        assert found(scene.reconcile()) == [(FindingKind.HALF_MOVED, RepairAction.WAIT)]
    assert scene.kubernetes_events(EventReason.NEEDS_ATTENTION) == []
    scene.github.plan = Plan()
    scene.clock.jump(1000)
    assert found(scene.reconcile()) == [(FindingKind.HALF_MOVED, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_document_that_cannot_be_written_blocks_no_cancellation(scene: Scene) -> None:
    failed(scene)
    put_state(scene, "{" + "x" * 700_000)
    for _ in range(7):
        kinds = found(scene.reconcile())
        assert (FindingKind.CORRUPT_STATE, RepairAction.QUARANTINE_DOCUMENT) in kinds
        scene.run_repairs()
    assert scene.record().phase is Phase.COMPLETED
    assert not is_escalated(scene.lease()["metadata"])
    assert read_attempts(scene.lease()["metadata"]).count == 0
    assert any(event.get("error") == "TooLargeError" for event in scene.events())


@pytest.mark.parametrize("sealed", [True, False], ids=["immutable", "a policy refuses"])
def test_a_flag_that_cannot_be_cleared_is_reported_and_costs_no_epoch(scene: Scene, *, sealed: bool) -> None:
    scene.play(stale_push(scene))
    put_state(scene, json.dumps({"cancellation_in_progress": True}))
    name = DEFAULTS.state.of_task("7")
    if sealed:
        stored = scene.api.get("configmaps", name, namespace=AGENTS)
        scene.api.update({**stored, "immutable": True})
    else:
        says = 'admission webhook "p.example.com" denied the request: read-only'
        scene.api.faults.add(Fault(method="PUT", path=name, times=0, status=403, message=says))
    scene.clock.jump(1000)
    before = scene.lease()["spec"]["leaseTransitions"]
    for _ in range(3):
        result = run_pass(scene.reconcile_context())
        assert [each.planned.action for each in result.repairs] == [RepairAction.CLEAR]
        says = "field is immutable" if sealed else "denied the request: read-only"
        assert says in result.repairs[0].problem
        assert result.failures == 1
    assert scene.lease()["spec"]["leaseTransitions"] == before
    assert not is_escalated(scene.lease()["metadata"])


def test_a_flag_whose_write_is_refused_under_the_lease_is_reported_and_the_lease_is_free(scene: Scene) -> None:
    scene.play(stale_push(scene))
    put_state(scene, json.dumps({"cancellation_in_progress": True}))
    for nth in (2, 3, 4):  # the first one is only a try
        scene.api.faults.add(Fault(method="PUT", path="task-7-state", nth=nth, status=403, message="no"))
    scene.clock.jump(1000)
    (result,) = run_pass(scene.reconcile_context()).repairs
    assert "403" in result.problem
    assert scene.lease()["spec"]["holderIdentity"] == ""


def terminate_repairs(scene: Scene) -> list[str]:
    """A person terminates each repair before its first step runs. Returns their names."""
    names = [each["metadata"]["name"] for each in scene.repairs()]
    for name in names:
        scene.argo.mark(name, argo_controller.FAILED)
    return names


def test_a_lost_push_whose_repair_never_started_is_retried_and_then_escalated(scene: Scene) -> None:
    """The task has no Lease, because no step ran. Reconcile creates one for the count."""
    stale = scene.agent()["metadata"]["name"]
    scene.later(3)
    scene.github.push("task-7-work", NEW)
    scene.later(200)
    names: list[str] = []
    for _ in range(DEFAULTS.reconcile.tries):
        scene.clock.jump(1000)
        assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
        names += terminate_repairs(scene)
    scene.clock.jump(1000)
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.ESCALATE)]
    assert len(set(names)) == DEFAULTS.reconcile.tries, "each attempt has its own Workflow"
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.REPORT)]
    assert scene.runs() == {stale}
    (event,) = scene.api.list("events", namespace=HOME)
    assert event["involvedObject"]["uid"] == scene.lease()["metadata"]["uid"]

    # A person corrects the problem and removes the label. The task gets new attempts.
    without = {"metadata": {"labels": {ATTENTION_LABEL: None}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], without, namespace=HOME)
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
    (name,) = (each["metadata"]["name"] for each in scene.repairs())
    assert name not in names
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_lease_that_was_created_for_the_count_is_deleted_like_any_other(scene: Scene) -> None:
    run = scene.agent()["metadata"]["name"]
    scene.later(3)
    scene.github.push("task-7-work", NEW)
    scene.later(200)
    scene.reconcile()
    terminate_repairs(scene)
    scene.api.delete("coderuns", run, namespace=AGENTS)
    scene.later(60)
    assert found(scene.reconcile()) == []
    assert read_attempts(scene.lease()["metadata"]).count == 0
    scene.clock.jump(31 * 86400)
    scene.reconcile()
    assert scene.api.list("leases", namespace=HOME) == []


def test_a_task_that_cannot_be_repaired_does_not_block_the_others(scene: Scene) -> None:
    broken_tasks(scene, 3)
    scene.api.faults.add(Fault(method="POST", path="/workflows", status=422, reason="Invalid"))
    assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.SUBMIT)] * 3
    assert len(scene.repairs()) == 2
    assert [
        event["task"]
        for event in scene.events()
        if event.get("event") == "task could not be repaired, next pass tries again"
    ] == ["7"]


def test_a_bug_in_the_repair_of_one_task_does_not_block_the_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_tasks(scene, 3)
    names = iter(["first"])

    def buggy(*given: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        if next(names, ""):
            raise KeyError("a secret payload")
        return build_workflow(*given, **more)

    monkeypatch.setattr("steps.reconciliation.repair.build_workflow", buggy)
    scene.reconcile()
    assert len(scene.repairs()) == 2
    assert "a secret payload" not in scene.output.getvalue()
    assert any(event.get("error") == "KeyError" and event["where"] for event in scene.events())


@pytest.mark.parametrize("kind", ["coderuns", "configmaps"])
def test_a_failed_list_is_reported_and_the_rest_is_repaired(scene: Scene, kind: str) -> None:
    interrupted(scene)
    scene.later(301)
    scene.api.faults.add(Fault(method="GET", path=f"/{kind}\\?", status=403, reason="Forbidden", times=0))
    assert found(scene.reconcile()) == [(FindingKind.STUCK, RepairAction.SUBMIT)]
    assert any("could not be read" in event.get("event", "") for event in scene.events())


@pytest.mark.parametrize("kind", ["leases", "workflows", "pods"])
def test_without_leases_workflows_or_pods_nothing_is_judged(scene: Scene, kind: str) -> None:
    interrupted(scene)
    scene.later(301)
    scene.api.faults.add(Fault(method="GET", path=f"/{kind}\\?", status=403, reason="Forbidden", times=0))
    with pytest.raises(ForbiddenError):
        scene.reconcile()
    assert scene.repairs() == []


def test_a_dry_run_writes_nothing(scene: Scene) -> None:
    broken_tasks(scene, 3)
    put_state(scene, "{corrupt", task=100)
    scene.api.calls.clear()
    kinds = [repair.finding.kind for repair in scene.reconcile(dry_run=True)]
    assert kinds == [FindingKind.FAILED] * 3 + [FindingKind.CORRUPT_STATE]
    assert {call.method for call in scene.api.calls} == {"GET"}


def test_a_pass_makes_one_list_of_each_kind_for_any_number_of_tasks(scene: Scene) -> None:
    broken_tasks(scene, 30)
    for task in range(100, 130):
        put_state(scene, "{}", task=task)
        scene.agent(task=task)
    scene.api.calls.clear()
    scene.reconcile(dry_run=True)
    kinds = sorted(call.path.rpartition("/")[2] for call in scene.api.calls if "continue" not in call.query)
    assert kinds == ["coderuns", "configmaps", "leases", "pods", "workflows"]


def test_a_pod_makes_two_passes_half_a_minute_apart_and_is_gone_within_the_minute(scene: Scene) -> None:
    began = scene.clock.monotonic()
    reconcile(scene.reconcile_context())
    assert sum(event.get("event") == "pass done" for event in scene.events()) == 2
    assert scene.clock.monotonic() - began == 30


def test_a_pass_that_takes_too_long_is_the_only_one_of_its_minute(scene: Scene) -> None:
    context = scene.reconcile_context()
    scene.api.faults.add(Fault(method="GET", path="/leases", before=lambda _: scene.later(35)))
    reconcile(context)
    assert sum(event.get("event") == "pass done" for event in scene.events()) == 1


@pytest.mark.parametrize("waited_s", [0, 31, 3600])
def test_ages_are_right_if_the_pod_of_reconcile_waited_for_a_node(scene: Scene, waited_s: float) -> None:
    done(scene)
    assert found_by(scene.reconcile_context(waited_s=waited_s)) == [], "no clock is wrong"
    scene.workflow()
    scene.later(DEFAULTS.reconcile.unstarted_after_s - 1)
    assert found_by(scene.reconcile_context(waited_s=waited_s)) == []
    scene.later(1)
    assert found_by(scene.reconcile_context(waited_s=waited_s)) == [(FindingKind.NOT_STARTED, RepairAction.REPORT)]


# Retention.


def idle(scene: Scene) -> None:
    scene.clock.jump(31 * 86400)


def test_an_idle_tasks_lease_is_deleted_and_a_later_push_writes_its_state_again(scene: Scene) -> None:
    put_state(scene, "{}")
    for sha in (OLD, NEW):
        scene.agent()
        scene.later(5)
        done(scene, sha)
        scene.later(5)
    assert scene.lease()["spec"]["leaseTransitions"] == 2
    assert found(scene.reconcile()) == []
    assert scene.api.list("leases", namespace=HOME)
    idle(scene)
    assert found(scene.reconcile()) == []
    assert scene.api.list("leases", namespace=HOME) == []
    scene.agent()
    scene.later(5)
    done(scene, NEWER)
    assert scene.lease()["spec"]["leaseTransitions"] == 1
    assert state(scene)["cancellation_in_progress"] is False
    assert scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["metadata"]["annotations"][STATE_EPOCH] == "1"


@pytest.mark.parametrize(
    "reason", ["live run", "failed", "handed over", "held", "busy", "taken meanwhile", "runs unread"]
)
def test_a_lease_that_may_still_be_needed_is_kept(scene: Scene, reason: str) -> None:
    done(scene)
    name = scene.lease()["metadata"]["name"]
    idle(scene)
    match reason:
        case "live run":
            scene.agent()
        case "failed":
            put_record(scene, phase=Phase.FAILED)
        case "handed over":
            scene.api.patch("leases", name, {"metadata": {"labels": {ATTENTION_LABEL: "true"}}}, namespace=HOME)
        case "held":
            scene.api.patch("leases", name, {"spec": {"holderIdentity": "w/u/p"}}, namespace=HOME)
        case "busy":
            scene.workflow()
        case "taken meanwhile":
            touch = {"metadata": {"annotations": {"touched": "yes"}}}
            scene.api.faults.add(
                Fault(method="DELETE", before=lambda _: scene.api.patch("leases", name, touch, namespace=HOME))
            )
        case _:
            scene.api.faults.add(Fault(method="GET", path="/coderuns", status=403, reason="Forbidden", times=0))
    scene.reconcile()
    assert scene.lease()["metadata"]["name"] == name


@pytest.mark.parametrize("why", ["GitHub fails", "runs are refused", "a day has passed"])
def test_an_escalated_task_stays_so_although_a_pass_cannot_see_its_problem(scene: Scene, why: str) -> None:
    scene.agent()
    scene.later(3)
    scene.github.push("task-7-work", NEW)
    scene.later(200)
    for _ in range(DEFAULTS.reconcile.tries + 1):
        scene.clock.jump(1000)
        scene.reconcile()
        terminate_repairs(scene)
    assert is_escalated(scene.lease()["metadata"])
    if why == "GitHub fails":
        scene.github.fault(github_fails(502), times=1e9)
    elif why == "runs are refused":
        scene.api.faults.add(Fault(method="GET", path="/coderuns", status=403, reason="Forbidden", times=99))
    else:
        scene.clock.jump(25 * 3600)
    assert found(scene.reconcile()) == []
    assert is_escalated(scene.lease()["metadata"])

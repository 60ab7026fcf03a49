"""A Workflow that Argo does not start, or whose pod does not start, is reported. No other one works for its push."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.fail import fail
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction
from tests.doubles import argo_controller
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene
from tests.support.scenarios import HOME, check_done, found, pushed, stale_push

REPORTED = [(FindingKind.NOT_STARTED, RepairAction.REPORT)]


@pytest.mark.parametrize("phase", [argo_controller.PENDING, argo_controller.RUNNING])
def test_a_workflow_that_never_begins_is_reported_until_it_does(scene: Scene, phase: str) -> None:
    workflow = stale_push(scene)
    scene.argo.mark(workflow.name, phase)
    scene.later(DEFAULTS.reconcile.unstarted_after_s - 1)
    assert found(scene.reconcile()) == []
    scene.later(1)
    for _ in range(5):
        assert found(scene.reconcile()) == REPORTED
        scene.later(30)
    assert len(scene.api.list("workflows", namespace=HOME)) == 1, "another Workflow would wait, too"
    assert scene.play(workflow) is Exit.DONE
    check_done(scene)


def test_a_workflow_that_waits_for_one_at_work_is_not_reported(scene: Scene) -> None:
    first = stale_push(scene)
    pushed(scene, NEWER)
    scene.workflow(sha=NEWER)
    scene.argo.mark(first.name, argo_controller.RUNNING)
    held = scene.begin(first, pod="at-work").held
    for _ in range(60):
        scene.later(10)
        held.renew_if_due()
        assert found(scene.reconcile()) == []
    scene.end_pod("at-work", phase="Failed")
    scene.argo.mark(first.name, argo_controller.FAILED)
    assert found(scene.reconcile()) == [], "Argo may start the next one yet"
    scene.later(DEFAULTS.reconcile.unstarted_after_s)
    assert found(scene.reconcile()) == REPORTED


def test_a_workflow_between_two_attempts_is_not_reported(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns", status=503, reason="ServiceUnavailable", times=0))
    for _ in range(3):
        assert scene.attempt(workflow) is Exit.TRY_AGAIN
        scene.later(60)
        assert FindingKind.NOT_STARTED not in [kind for kind, _ in found(scene.reconcile())]


def test_an_exit_hook_whose_pod_finds_no_node_is_reported(scene: Scene) -> None:
    workflow = stale_push(scene)
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns", status=503, reason="ServiceUnavailable", times=0))
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    scene.later(DEFAULTS.reconcile.unstarted_after_s + 1)  # the API server dates its answers in whole seconds
    assert found(scene.reconcile()) == REPORTED
    scene.api.faults.clear()
    assert scene.step(fail, workflow, pod="at-last") is Exit.DONE
    scene.argo.mark(workflow.name, argo_controller.FAILED)
    assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_repair_that_does_not_start_is_reported_as_well(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene, NEW)
    scene.later(200)
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
    scene.later(DEFAULTS.reconcile.unstarted_after_s)
    (repair,) = scene.reconcile()
    assert (repair.finding.kind, repair.action) == REPORTED[0]
    assert scene.repairs()[0]["metadata"]["name"] in repair.finding.detail


def test_the_time_is_a_setting(scene: Scene) -> None:
    scene.reconcile_settings = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, unstarted_after_s=60))
    stale_push(scene)
    scene.later(60)
    assert found(scene.reconcile()) == REPORTED

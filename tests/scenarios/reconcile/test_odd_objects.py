"""One odd object, such as a date at the edge of the calendar or an infinite number, does not block the other tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from steps.core.errors import Exit
from steps.core.keys import RECORD, TASK
from steps.reconciliation.planning import RepairAction
from tests.support.harness import DEFAULTS, NEW, OLD, Scene
from tests.support.scenarios import done, failed, put_state, stale_push

HOME = DEFAULTS.namespaces.workflows


def submitted(scene: Scene) -> set[str]:
    """Tasks that reconcile submits a Workflow for."""
    return {each.finding.task for each in scene.reconcile() if each.action is RepairAction.SUBMIT}


def edit_record(scene: Scene, *, task: int, change: dict[str, Any]) -> None:
    """A person edits a record by hand."""
    lease = scene.lease(task=task)
    record = json.loads(lease["metadata"]["annotations"][RECORD])
    record |= change
    patch = {"metadata": {"annotations": {RECORD: json.dumps(record)}}}
    scene.api.patch("leases", lease["metadata"]["name"], patch, namespace=HOME)


def test_a_state_document_with_a_date_at_the_edge_of_the_calendar(scene: Scene) -> None:
    failed(scene)
    scene.later(200)
    put_state(scene, json.dumps({"last_update": "9999-12-31T23:59:59-01:00"}), task=8)
    assert submitted(scene) == {"7"}


@pytest.mark.parametrize("count", ["1e999", "-1e999", "NaN", "1e300", '"many"', "[1]"])
def test_a_count_of_repairs_that_is_not_a_finite_number(scene: Scene, count: str) -> None:
    failed(scene)
    scene.later(200)
    labels = {"app.kubernetes.io/managed-by": "agent-cancellation", "agent-cancellation/task": "9"}
    text = f'{{"count": {count}, "total": 1, "at": "2026-03-01T12:00:00Z"}}'
    metadata = {"name": "cancel-x", "namespace": HOME, "labels": labels}
    metadata["annotations"] = {"agent-cancellation/repairs": text}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
    scene.api.create(lease | {"spec": {"holderIdentity": ""}})
    assert submitted(scene) == {"7"}


@pytest.mark.parametrize("moment", ["2026-03-01T12:00:00", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_a_record_whose_time_cannot_be_compared(scene: Scene, moment: str) -> None:
    scene.github.add_pull_request(head="task-8-work", sha="a" * 40)
    assert scene.play(scene.workflow(task=8)) is Exit.DONE
    edit_record(scene, task=8, change={"watermark": moment})
    scene.agent(task=8)
    failed(scene)
    scene.later(200)
    assert submitted(scene) == {"7"}


def odd_workflow(task: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - passed on
    """A Workflow that a person made, with the label of a task."""
    metadata = {"name": "odd", "namespace": HOME, "labels": {TASK: task}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec}


OURS = {"workflowTemplateRef": {"name": "cancel-agents"}}
ODD_SPECS: dict[str, dict[str, Any]] = {
    "arguments are a text": {**OURS, "arguments": "x"},
    "no parameters": {**OURS, "arguments": {"parameters": None}},
    "a parameter without name": {**OURS, "arguments": {"parameters": [{"value": "x"}]}},
    "a parameter is a text": {**OURS, "arguments": {"parameters": ["x"]}},
    "parameters are a map": {**OURS, "arguments": {"parameters": {"a": 1}}},
    "a name is a number": {**OURS, "arguments": {"parameters": [{"name": 5, "value": 1}]}},
    "a name is a list": {**OURS, "arguments": {"parameters": [{"name": [], "value": 1}]}},
    "a value is a list": {**OURS, "arguments": {"parameters": [{"name": "sha", "value": [1]}]}},
    "the reference is a text": {"workflowTemplateRef": "cancel-agents"},
    "the reference is a list": {"workflowTemplateRef": ["cancel-agents"]},
}


@pytest.mark.parametrize("task", ["7", "8"])
@pytest.mark.parametrize("spec", ODD_SPECS.values(), ids=ODD_SPECS)
def test_a_workflow_with_odd_arguments_blocks_neither_its_task_nor_help_nor_reconcile(
    scene: Scene, spec: dict[str, Any], task: str
) -> None:
    scene.in_threads = True
    scene.api.create(odd_workflow(task, **spec))
    scene.github.add_pull_request(head="task-9-work", sha=OLD, labels=["ready-for-qa"])
    scene.agent(task=9)
    workflow = stale_push(scene)
    scene.github.push("task-9-work", NEW)
    scene.workflow(task=9)
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.runs() == set(), "the push to task 9 was helped"
    scene.later(60)
    assert not scene.reconcile()


def test_a_push_to_a_task_whose_record_has_a_time_without_zone_is_refused_by_name(scene: Scene) -> None:
    done(scene)
    push = json.loads(scene.lease()["metadata"]["annotations"][RECORD])["push"]
    edit_record(scene, task=7, change={"push": push | {"pushed_at": "2026-03-01T12:00:00"}})
    scene.later(60)
    assert scene.play(scene.workflow(sha="c" * 40)) is Exit.BAD_INPUT
    assert any("push.pushed_at" in line.get("error", "") for line in scene.events())

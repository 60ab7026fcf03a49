"""One odd object, such as a date at the edge of the calendar or an infinite number, does not block the other tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from steps.core.errors import Exit
from steps.core.keys import RECORD
from steps.reconciliation.planning import RepairAction
from tests.support.harness import DEFAULTS, Scene
from tests.support.scenarios import done, failed, put_state

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


def test_a_push_to_a_task_whose_record_has_a_time_without_zone_is_refused_by_name(scene: Scene) -> None:
    done(scene)
    push = json.loads(scene.lease()["metadata"]["annotations"][RECORD])["push"]
    edit_record(scene, task=7, change={"push": push | {"pushed_at": "2026-03-01T12:00:00"}})
    scene.later(60)
    assert scene.play(scene.workflow(sha="c" * 40)) is Exit.BAD_INPUT
    assert any("push.pushed_at" in line.get("error", "") for line in scene.events())

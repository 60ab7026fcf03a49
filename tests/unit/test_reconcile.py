"""What went wrong anyway is found by a pass and finished by what the pass submits, on the doubles, from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from steps import tries
from steps.cancel import cancel
from steps.errors import Exit
from steps.findings import Kind
from steps.hold import RECORD
from steps.plan import Action, Intent
from steps.record import Labels, Phase, dump
from steps.workflow import TEMPLATE
from tests.doubles.github import fail as github_fails
from tests.doubles.github.faults import Plan
from tests.scene import DEFAULTS, NEW, Scene
from tests.schemas.validate import validate

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents
MOVED = {"remediation-in-progress", "task-7", "team-a"}


def found(intents: tuple[Intent, ...]) -> list[tuple[Kind, Action]]:
    return [(intent.finding.kind, intent.action) for intent in intents]


def pushed(scene: Scene, sha: str = NEW) -> None:
    scene.github.push("task-7-work", sha)


def put_state(scene: Scene, text: str, *, task: int = 7, **more: str) -> None:
    metadata = {"name": f"task-{task}-state", "namespace": AGENTS}
    data = {"state.json": text, **more}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def state(scene: Scene) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"]["state.json"]
    )
    return document


def put_record(scene: Scene, **changes: Any) -> None:  # noqa: ANN401 - passed on
    """Change the task's record by hand."""
    text = dump(replace(scene.record(), **changes))
    patch = {"metadata": {"annotations": {RECORD: text}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)


def terminated(scene: Scene) -> None:
    """A push whose workflow is terminated while its pod waits: no exit hook, the record stays in progress."""
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.step(cancel, scene.workflow(), pod="terminated")
    scene.end_pod("terminated", phase="Failed")


def failed(scene: Scene) -> None:
    """A push whose workflow failed for good."""
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.fault(github_fails(503), method="GET", times=100)
    assert scene.play(scene.workflow()) is Exit.TRY_AGAIN
    scene.github.plan = Plan()  # GitHub is back
    scene.later(1)


def check_done(scene: Scene) -> None:
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == MOVED
    record = scene.record()
    assert (record.phase, record.labels) == (Phase.COMPLETED, Labels.MOVED)
    assert scene.lease()["spec"]["holderIdentity"] == ""
    assert found(scene.reconcile()) == []
    assert tries.REPAIRS not in scene.lease()["metadata"]["annotations"]


def test_a_terminated_workflows_record_is_finished_without_a_further_push(scene: Scene) -> None:
    terminated(scene)
    assert found(scene.reconcile()) == []
    scene.later(301)
    assert found(scene.reconcile()) == [(Kind.STUCK, Action.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_failed_record_that_no_workflow_goes_on_with_is_finished(scene: Scene) -> None:
    failed(scene)
    assert found(scene.reconcile()) == [(Kind.FAILED, Action.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_repair_brings_nothing_that_the_secure_mode_refuses(scene: Scene) -> None:
    failed(scene)
    scene.reconcile()
    (repair,) = scene.repairs()
    sent = {key: repair[key] for key in ("apiVersion", "kind", "metadata", "spec")}
    assert validate(sent) == []
    assert set(repair["spec"]) == {"workflowTemplateRef", "priority", "arguments"}
    assert repair["spec"]["workflowTemplateRef"] == {"name": TEMPLATE}
    values = {each["name"]: each["value"] for each in repair["spec"]["arguments"]["parameters"]}
    assert (values["reason"], values["requested-by"], values["sha"]) == ("reconcile", "reconcile", NEW)


def test_a_task_somebody_works_on_is_left_alone(scene: Scene) -> None:
    failed(scene)
    scene.reconcile()
    scene.later(400)
    assert found(scene.reconcile()) == [], "the repair is still under way"
    assert len(scene.repairs()) == 1

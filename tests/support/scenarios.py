"""Task 7 as pushes leave it that went well, failed, or were interrupted; and what reconcile then finds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from steps.core.errors import Exit
from steps.core.keys import RECORD
from steps.domain.record import LabelOutcome, Phase, dump_record
from steps.observed_state.repair_attempts import read_attempts
from steps.reconciliation.context import ReconcileContext
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import PlannedRepair, RepairAction
from steps.reconciliation.reconcile_pass import run_pass
from tests.doubles import argo_controller
from tests.doubles.github import fail as github_fails
from tests.doubles.github.faults import Plan
from tests.support.harness import DEFAULTS, NEW, REPOSITORY, Scene, Workflow

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents[0]
# Labels of the pull request, before and after they are moved.
UNTOUCHED = {"ready-for-qa", "task-7", "team-a"}
MOVED = {"remediation-in-progress", "task-7", "team-a"}


def found(planned: Iterable[PlannedRepair]) -> list[tuple[FindingKind, RepairAction]]:
    """What a pass found, and what it did about it."""
    return [(each.finding.kind, each.action) for each in planned]


def found_by(context: ReconcileContext) -> list[tuple[FindingKind, RepairAction]]:
    """What a pass in this context finds, and what it does about it."""
    return found(each.planned for each in run_pass(context).repairs)


def pushed(scene: Scene, sha: str = NEW) -> None:
    """Somebody pushes to task 7."""
    scene.github.push("task-7-work", sha, repository=REPOSITORY)


def activity_requests(scene: Scene) -> int:
    """How often GitHub's list of pushes was read."""
    return sum("/activity" in call.path for call in scene.github.calls)


def without_help(scene: Scene) -> None:
    """Each push waits for its own pod."""
    scene.settings = replace(scene.settings, help=replace(scene.settings.help, pushes=0))


def stale_push(scene: Scene, sha: str = NEW, *, stale: int = 1) -> Workflow:
    """The Workflow of a push to task 7 that makes this many agents stale."""
    for _ in range(stale):
        scene.agent()
    scene.later(5)
    pushed(scene, sha)
    return scene.workflow(sha=sha)


def put_state(scene: Scene, text: str, *, task: int = 7, **more: str) -> None:
    """Make a state document."""
    metadata = {"name": f"task-{task}-state", "namespace": AGENTS}
    data = {"state.json": text, **more}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def state(scene: Scene) -> dict[str, Any]:
    """The state document of task 7."""
    document: dict[str, Any] = json.loads(
        scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"]["state.json"]
    )
    return document


def put_record(scene: Scene, **changes: Any) -> None:  # noqa: ANN401 - passed on
    """Change the task's record by hand."""
    text = dump_record(replace(scene.record(), **changes))
    patch = {"metadata": {"annotations": {RECORD: text}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)


def interrupted(scene: Scene, how: str = "terminated") -> None:
    """A push whose Workflow ends while its pod waits: no exit hook runs, the record stays in progress."""
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.begin(workflow, pod="interrupted")
    if how == "deleted":
        scene.api.delete("workflows", workflow.name, namespace=HOME)
        scene.api.delete("pods", "interrupted", namespace=HOME, gracePeriodSeconds=0)
    else:
        scene.end_pod("interrupted", phase="Failed")
        scene.argo.mark(workflow.name, argo_controller.FAILED)


def failed(scene: Scene) -> None:
    """A push whose workflow failed for good."""
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.fault(github_fails(503), method="GET", times=100)
    assert scene.play(scene.workflow()) is Exit.TRY_AGAIN
    scene.github.plan = Plan()  # GitHub is back
    scene.later(1)


def done(scene: Scene, sha: str = NEW) -> None:
    """A push that was dealt with."""
    pushed(scene, sha)
    assert scene.play(scene.workflow(sha=sha)) is Exit.DONE


def check_done(scene: Scene) -> None:
    """Check that task 7 is as its push has to leave it, and that nothing is found of it any more."""
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == MOVED
    record = scene.record()
    assert (record.phase, record.labels) == (Phase.COMPLETED, LabelOutcome.MOVED)
    assert scene.lease()["spec"]["holderIdentity"] == ""
    assert found(scene.reconcile()) == []
    assert read_attempts(scene.lease()["metadata"]).count == 0

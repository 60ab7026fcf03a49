"""Kinds of runs as data: CodeRuns, Jobs and Argo Workflows side by side, each stopped in its own way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipelines.manifests.rbac import steps_access
from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.domain.record import Phase
from steps.kube.field_path import read_field
from steps.settings.agent_kinds import RunKind
from tests.doubles.argo_controller import ArgoController
from tests.doubles.platform.runs import TESS
from tests.support.documented_kinds import JOB, WORKFLOW
from tests.support.harness import DEFAULTS, NEW, OLD, REPOSITORY, Scene

AGENTS = DEFAULTS.namespaces.agents[0]
CODE_RUN = DEFAULTS.agents[0]


def started(scene: Scene, kind: RunKind, name: str) -> str:
    """A run of a kind, at work; its name."""
    version = f"{kind.group}/{kind.version}"
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "agent:1"}]}
    spec: dict[str, Any] = {"template": {"spec": pod}} if kind.plural == "jobs" else {"entrypoint": "main"}
    metadata = {
        "name": name,
        "namespace": AGENTS,
        "labels": {"task-id": "7", "agent": TESS, "kind-of-work": "agent"},
        "annotations": {"repository": REPOSITORY},
    }
    named = "Job" if kind.plural == "jobs" else "Workflow"
    body = {"apiVersion": version, "kind": named, "metadata": metadata, "spec": spec}
    if named == "Workflow":
        body["status"] = {"phase": "Running"}
    scene.api.create(body)
    return name


def names(scene: Scene, plural: str) -> set[str]:
    """Runs of a kind that are there; the CodeRuns' own Jobs are not agents."""
    labels = "" if plural == "coderuns" else "kind-of-work=agent"
    return {each["metadata"]["name"] for each in scene.api.list(plural, namespace=AGENTS, labels=labels)}


def workflows_that_stop(scene: Scene) -> Callable[[], None]:
    """Argo, which ends a Workflow whose `spec.shutdown` is set."""

    def step() -> None:
        for each in scene.api.list("workflows", namespace=AGENTS):
            if each["spec"].get("shutdown") == "Stop" and each["status"]["phase"] == "Running":
                scene.api.patch(
                    "workflows", each["metadata"]["name"], {"status": {"phase": "Failed"}}, namespace=AGENTS
                )

    return step


def test_each_kind_is_stopped_in_its_own_way(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(CODE_RUN, JOB, WORKFLOW))
    scene.clock.every(workflows_that_stop(scene))
    run = scene.agent()["metadata"]["name"]
    for kind in (JOB, WORKFLOW):
        started(scene, kind, "stale")
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.later(2)
    for kind in (JOB, WORKFLOW):
        started(scene, kind, "newer")
    assert scene.play(workflow) is Exit.DONE
    assert (scene.runs(), names(scene, "jobs"), names(scene, "workflows")) == (set(), {"newer"}, {"stale", "newer"})
    agents = {(agent.kind, agent.name): (agent.outcome, agent.reason) for agent in scene.record().agents}
    assert agents["coderuns", run][0] is RunOutcome.GONE
    assert agents["jobs", "stale"][0] is RunOutcome.GONE
    assert agents["workflows", "stale"] == (RunOutcome.FINISHED, "asked to stop, then ended")
    assert agents["workflows", "newer"] == (RunOutcome.KEPT, "newer than the push")


@pytest.mark.parametrize("delete", [True, False], ids=["and is then deleted", "and may not be deleted"])
def test_a_workflow_that_does_not_stop_is_given_the_grace_period(scene: Scene, *, delete: bool) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(WORKFLOW, delete=delete),))
    started(scene, WORKFLOW, "ignoring")
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    code = scene.attempt(scene.workflow())
    if delete:
        assert (code, names(scene, "workflows")) == (Exit.DONE, set())
    else:
        assert (code, names(scene, "workflows")) == (Exit.TRY_AGAIN, {"ignoring"})
        assert scene.record().phase is Phase.FAILED
        assert scene.record().agents[0].outcome is RunOutcome.STUCK
        assert "remediation-in-progress" not in scene.github.labels(1)


def test_a_kind_that_nothing_would_stop_is_refused() -> None:
    with pytest.raises(ValueError, match="runs would never stop"):
        replace(CODE_RUN, delete=False)


def test_the_role_has_one_rule_for_each_resource_and_no_more_verbs_than_the_kind_needs() -> None:
    settings = replace(DEFAULTS, agents=(JOB, replace(WORKFLOW, delete=False)))
    roles = [each for each in steps_access(settings) if each["kind"] == "Role"]
    (role,) = [each for each in roles if each["metadata"]["namespace"] == AGENTS]
    verbs = {rule["resources"][0]: rule["verbs"] for rule in role["rules"]}
    assert len(verbs) == len(role["rules"])
    assert verbs["jobs"] == ["get", "list", "delete"]
    assert verbs["workflows"] == ["get", "list", "patch"]


def test_an_item_of_a_list_is_found_by_what_it_says_of_itself() -> None:
    conditions = [
        {"type": "SuccessCriteriaMet", "status": "True"},
        {"type": "Complete", "status": "True"},
        {"type": "Suspended", "status": "False"},
    ]
    path = "status.conditions[status=True].type"
    assert read_field({"status": {"conditions": conditions}}, path) == "Complete"
    odd: list[dict[str, Any]] = [{}, *({"conditions": each} for each in (None, [], "text", ["text"]))]
    for status in odd:
        assert read_field({"status": status}, path) == ""


def test_a_stale_workflow_that_waits_for_a_lock_leaves_no_place_in_its_queue(scene: Scene) -> None:
    """Argo has not recorded yet what it waits for, because nobody holds the lock at this moment."""
    scene.settings = replace(DEFAULTS, agents=(WORKFLOW,))
    argo = ArgoController(api=scene.api, namespace=AGENTS, clock=scene.clock.monotonic)
    values = {"repository": REPOSITORY, "task-id": "7"}
    lock = {"arguments": {"parameters": [{"name": name, "value": value} for name, value in values.items()]}}

    def waiting(name: str) -> None:
        started(scene, WORKFLOW, name)
        scene.api.patch("workflows", name, {"spec": lock, "status": None}, namespace=AGENTS)

    waiting("stale")
    scene.clock.every(argo.step)
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.later(2)
    waiting("newer")
    assert scene.play(workflow) is Exit.DONE
    scene.later(15)
    assert names(scene, "workflows") == {"newer"}
    assert (argo.abandoned(), argo.may_begin("newer")) == ([], True)


SUSPENDED = replace(
    JOB,
    phase="spec.suspend",
    finished=("true",),
    sha="metadata.annotations.commit",
    stop_patch={"spec": {"suspend": True}},
    delete=False,
)


def test_a_job_that_is_suspended_has_stopped_and_stays(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(SUSPENDED,))
    started(scene, JOB, "stale")
    notes = {"metadata": {"annotations": {"commit": OLD}}}
    scene.api.patch("jobs", "stale", notes, namespace=AGENTS)
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    scene.later(2)
    assert scene.api.get("jobs", "stale", namespace=AGENTS)["spec"]["suspend"] is True
    assert scene.api.list("pods", namespace=AGENTS) == []
    (agent,) = scene.record().agents
    assert (agent.outcome, agent.reason) == (RunOutcome.FINISHED, "asked to stop, then ended")


def test_a_run_whose_phase_is_that_it_is_done_is_left_alone_once_it_is(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(WORKFLOW, phase="status.done", finished=("true",)),))
    for name, done in (("done", True), ("at-work", False)):
        started(scene, WORKFLOW, name)
        scene.api.patch("workflows", name, {"status": {"done": done}}, namespace=AGENTS)
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert names(scene, "workflows") == {"done"}
    outcomes = {agent.name: (agent.outcome, agent.reason) for agent in scene.record().agents}
    assert outcomes["done"] == (RunOutcome.KEPT, "finished")

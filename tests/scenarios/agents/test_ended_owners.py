"""A run that stops on request stays as an object, so the garbage collector leaves what it owns: Workflows and Jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.core.keys import KEEP
from steps.domain.agent import Agent, RunOutcome
from steps.kube.transport import Json
from steps.settings.agent_kinds import RunKind
from steps.telemetry.audit import WriteCause
from tests.doubles.kubernetes import Call, Fault
from tests.doubles.platform.runs import TESS, agent_run
from tests.support import ownership
from tests.support.documented_kinds import KINDS
from tests.support.harness import DEFAULTS, OLD, REPOSITORY, Scene
from tests.support.ownership import names
from tests.support.scenarios import AGENTS, MOVED, UNTOUCHED, pushed

KIND = replace(KINDS["argo-workflow"], owns=("argoproj.io/v1alpha1/workflows", "batch/v1/jobs"))
SCALED = replace(KINDS["stateful-set"], owns=("batch/v1/jobs",))


def workflow(scene: Scene, name: str, *owners: Json, **metadata: object) -> Json:
    """A Workflow at work; an agent run if it has the labels of one."""
    found = {"name": name, "namespace": AGENTS, "ownerReferences": [ownership.reference(each) for each in owners]}
    return scene.api.create(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": found | metadata,
            "spec": {"entrypoint": "main"},
            "status": {"phase": "Running"},
        }
    )


LABELS = {"task-id": "7", "agent": TESS, "kind-of-work": "agent"}


def parent(scene: Scene, kind: RunKind = KIND) -> Json:
    """A stale agent that starts further Workflows or Jobs."""
    scene.settings = replace(DEFAULTS, agents=(kind,))
    return workflow(scene, "parent", labels=LABELS, annotations={"repository": REPOSITORY})


def argo(scene: Scene, *obedient: str) -> Callable[[], None]:
    """Argo: it ends a Workflow that is asked to stop, with its pods, and no Workflow that this one owns."""

    def step() -> None:
        for each in scene.api.list("workflows", namespace=AGENTS):
            name = each["metadata"]["name"]
            if name in obedient and each["spec"].get("shutdown") and each["status"]["phase"] == "Running":
                scene.api.patch("workflows", name, {"status": {"phase": "Failed"}}, namespace=AGENTS)
                for pod in scene.api.list("pods", namespace=AGENTS):
                    if any(owner["name"] == name for owner in pod["metadata"].get("ownerReferences", ())):
                        scene.api.delete("pods", pod["metadata"]["name"], namespace=AGENTS)

    return step


def shutdowns(scene: Scene) -> dict[str, str | None]:
    return {
        each["metadata"]["name"]: each["spec"].get("shutdown") for each in scene.api.list("workflows", namespace=AGENTS)
    }


def only_agent(scene: Scene) -> Agent:
    (agent,) = scene.record().agents
    return agent


def writes(scene: Scene, plural: str, name: str) -> list[Call]:
    return [
        call
        for call in scene.api.calls
        if call.method in ("PATCH", "DELETE") and call.path.endswith(f"/{plural}/{name}")
    ]


@pytest.mark.parametrize("pods", [True, False], ids=["with a pod", "between two pods"])
def test_a_workflow_that_an_ended_one_owns_is_asked_to_stop_and_stays(scene: Scene, *, pods: bool) -> None:
    run = parent(scene)
    child = workflow(scene, "child", run)
    grandchild = workflow(scene, "grandchild", child)
    if pods:
        ownership.pod(scene, "child-pod", child)
    scene.later(5)
    pushed(scene)
    scene.clock.every(argo(scene, "parent", "child", "grandchild"))
    there: list[set[str]] = []
    scene.github.before(lambda: there.append(names(scene, "pods")), method="POST", path="/labels$")
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.clock.monotonic() - began < DEFAULTS.stop.grace_s
    assert shutdowns(scene) == {"parent": "Stop", "child": "Stop", "grandchild": "Stop"}
    assert there == [set()]
    assert len(writes(scene, "workflows", grandchild["metadata"]["name"])) == 1
    assert (only_agent(scene).outcome, set(scene.github.labels(1))) == (RunOutcome.FINISHED, MOVED)
    causes = [line["cause"] for line in scene.events() if line.get("name") == "child"]
    assert causes == [WriteCause.ASK]


def test_a_workflow_that_an_ended_one_owns_and_that_does_not_stop_is_deleted_after_the_grace_period(
    scene: Scene,
) -> None:
    child = workflow(scene, "child", parent(scene))
    ownership.pod(scene, "child-pod", child)
    scene.later(5)
    pushed(scene)
    scene.clock.every(argo(scene, "parent"))
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert scene.clock.monotonic() - began >= DEFAULTS.stop.grace_s
    assert (names(scene, "workflows"), names(scene, "pods")) == ({"parent"}, set())
    (patch, delete) = writes(scene, "workflows", "child")
    assert (patch.method, delete.method) == ("PATCH", "DELETE")
    assert delete.body["preconditions"]["uid"] == child["metadata"]["uid"]


def test_a_workflow_that_must_not_be_deleted_blocks_the_labels_until_it_has_ended(scene: Scene) -> None:
    workflow(scene, "child", parent(scene, replace(KIND, delete=False)))
    scene.later(5)
    pushed(scene)
    scene.clock.every(argo(scene, "parent"))
    run = scene.workflow()
    assert scene.attempt(run) is Exit.TRY_AGAIN
    assert names(scene, "workflows") == {"parent", "child"}
    assert only_agent(scene).reason == "its workflows.argoproj.io child has not ended"
    assert set(scene.github.labels(1)) == UNTOUCHED
    scene.clock.every(argo(scene, "child"))
    assert scene.play(run) is Exit.DONE
    assert (only_agent(scene).outcome, set(scene.github.labels(1))) == (RunOutcome.FINISHED, MOVED)


def test_an_object_of_a_kind_without_a_stop_patch_is_deleted_once_its_owner_has_ended(scene: Scene) -> None:
    run = parent(scene, replace(KIND, owns=("agents.platform/v1/coderuns",)))
    scene.settings = replace(scene.settings, agents=(*scene.settings.agents, DEFAULTS.agents[0]))
    manifest = agent_run(task=7, name="inner", namespace=AGENTS, owners=[ownership.reference(run)])
    del manifest["metadata"]["labels"]["task-id"]
    scene.api.create(manifest)
    scene.later(5)
    pushed(scene)
    scene.clock.every(argo(scene, "parent"))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    scene.later(60)
    assert (names(scene, "coderuns"), names(scene, "jobs"), names(scene, "pods")) == (set(), set(), set())


def test_a_workflow_that_changes_while_it_is_asked_to_stop_is_asked_again(scene: Scene) -> None:
    workflow(scene, "child", parent(scene))
    scene.later(5)
    pushed(scene)
    scene.clock.every(argo(scene, "parent", "child"))

    def change(_: object) -> None:
        scene.api.patch("workflows", "child", {"metadata": {"annotations": {"changed": "yes"}}}, namespace=AGENTS)

    scene.api.faults.add(Fault(method="PATCH", path="/workflows/child", before=change))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert [call.status for call in writes(scene, "workflows", "child")] == [409, 200]


def test_a_workflow_that_a_person_has_marked_goes_on(scene: Scene) -> None:
    workflow(scene, "child", parent(scene), labels={KEEP: "true"})
    scene.later(5)
    pushed(scene)
    scene.clock.every(argo(scene, "parent"))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert shutdowns(scene) == {"parent": "Stop", "child": None}


def test_a_workflow_that_comes_to_own_a_kept_run_is_not_stopped(scene: Scene) -> None:
    child = workflow(scene, "child", parent(scene))
    scene.later(5)
    pushed(scene)
    run = scene.workflow()
    scene.clock.every(argo(scene, "parent"))

    def start(_: object) -> None:
        scene.later(2)
        workflow(scene, "newer", child, labels=LABELS, annotations={"repository": REPOSITORY})

    scene.api.faults.add(Fault(method="PATCH", path="/workflows/parent", after=start))
    assert scene.attempt(run) is Exit.TRY_AGAIN
    assert shutdowns(scene) == {"parent": "Stop", "child": None, "newer": None}
    (agent,) = (each for each in scene.record().agents if each.name == "parent")
    assert agent.reason == "its workflows.argoproj.io child has not ended: it owns a run that is kept: newer"


@pytest.mark.parametrize("ended", [False, True])
def test_a_job_between_two_pods_that_an_ended_run_owns_is_deleted_unless_it_has_ended(
    scene: Scene, *, ended: bool
) -> None:
    ownership.job(scene, "work", parent(scene))
    scene.api.patch("jobs", "work", {"spec": {"suspend": True}}, namespace=AGENTS)
    if ended:
        done = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
        scene.api.patch("jobs", "work", done, namespace=AGENTS, subresource="status")
    scene.later(5)
    for pod in names(scene, "pods"):
        scene.api.delete("pods", pod, namespace=AGENTS, gracePeriodSeconds=0)
    pushed(scene)
    scene.clock.every(argo(scene, "parent"))
    began = scene.clock.monotonic()
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert (scene.clock.monotonic() - began < DEFAULTS.stop.grace_s) is ended
    assert names(scene, "jobs") == ({"work"} if ended else set())
    assert only_agent(scene).outcome is RunOutcome.FINISHED


def test_a_suspended_job_of_a_run_that_can_be_started_again_stays(scene: Scene) -> None:
    """A run that is scaled to zero or suspended keeps its Jobs, and starts them again."""
    scene.settings = replace(DEFAULTS, agents=(SCALED,))
    template = {"metadata": {"labels": {"app": "run"}}, "spec": {"containers": [{"name": "main", "image": "agent:1"}]}}
    notes = {"repository": REPOSITORY, "commit": OLD}
    run = scene.api.create(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "run", "namespace": AGENTS, "labels": LABELS, "annotations": notes},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "run"}}, "template": template},
        }
    )
    ownership.job(scene, "work", run)
    scene.api.patch("jobs", "work", {"spec": {"suspend": True}}, namespace=AGENTS)
    scene.later(5)
    for pod in names(scene, "pods"):
        if pod.startswith("work"):
            scene.api.delete("pods", pod, namespace=AGENTS, gracePeriodSeconds=0)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert (names(scene, "jobs"), writes(scene, "jobs", "work")) == ({"work"}, [])

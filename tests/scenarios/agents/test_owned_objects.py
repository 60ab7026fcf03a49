"""What a run owns, any number of owner references away: the run is not gone before it, and it ends with the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.cancel import cancel
from steps.core.errors import Exit
from steps.domain.agent import Agent, RunOutcome
from steps.kube.transport import Json
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.kubelet import Ending
from tests.doubles.platform.runs import TESS
from tests.support import ownership
from tests.support.documented_kinds import PIPELINE_RUN
from tests.support.harness import DEFAULTS, REPOSITORY, Scene, Workflow
from tests.support.ownership import TASK_RUNS, give_owners, names
from tests.support.scenarios import AGENTS, UNTOUCHED, pushed

CODE_RUN = DEFAULTS.agents[0]
NESTED = replace(CODE_RUN, job="", owns=(TASK_RUNS,))
PLEASE = {"metadata": {"annotations": {"stop": "please"}}}
LABEL = "tekton.dev/pipelineRun"


def only_agent(scene: Scene) -> Agent:
    (agent,) = scene.record().agents
    return agent


@pytest.fixture
def nested(scene: Scene) -> Scene:
    """A kind whose runs own TaskRuns; pods that do not hear SIGTERM."""
    scene.settings = replace(DEFAULTS, agents=(NESTED,))
    scene.kubelet.ending = Ending.DEAD_NODE
    return scene


def chain(scene: Scene, *, depth: int, block: bool = False) -> Json:
    """A run, that many TaskRuns each of which owns the next, and a pod of the last one."""
    run = scene.agent(name="stale", phase="Running")
    owner = run
    for number in range(depth):
        owner = ownership.task_run(scene, f"task-run-{number}", owner, block=block)
    ownership.pod(scene, "deep", owner, block=block)
    scene.later(5)
    return run


def push(scene: Scene) -> Workflow:
    pushed(scene)
    return scene.workflow()


def pods_at_label(scene: Scene) -> list[str]:
    """Names of the pods that exist when the new label is added, once it has been."""
    there: list[str] = []
    scene.github.before(lambda: there.extend(names(scene, "pods")), method="POST", path="/labels$")
    return there


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("block", [True, False], ids=["blocking", "not blocking"])
def test_a_run_is_not_gone_before_a_pod_any_number_of_owners_away(nested: Scene, depth: int, *, block: bool) -> None:
    chain(nested, depth=depth, block=block)
    there = pods_at_label(nested)
    began = nested.clock.monotonic()
    assert nested.attempt(push(nested)) is Exit.DONE
    assert there == []
    assert nested.clock.monotonic() - began >= DEFAULTS.stop.grace_s
    assert (only_agent(nested).outcome, names(nested, "taskruns")) == (RunOutcome.GONE, set())


def test_an_object_that_stays_is_named(nested: Scene) -> None:
    chain(nested, depth=2)
    held = {"metadata": {"finalizers": ["example.com/other"]}}
    nested.api.patch("taskruns", "task-run-1", held, namespace=AGENTS)
    assert nested.attempt(push(nested)) is Exit.TRY_AGAIN
    reason = "its taskruns.tekton.dev task-run-1 still exists; its finalizers are example.com/other"
    assert only_agent(nested).reason == reason
    assert len(only_agent(nested).owned or ()) == 2, "a further attempt has to know them"
    assert set(nested.github.labels(1)) == UNTOUCHED


def test_owners_in_a_circle_are_not_gone_although_the_garbage_collector_leaves_them(nested: Scene) -> None:
    """Each has an owner that exists: the collector only takes the run's reference away."""
    run = nested.agent(name="stale", phase="Running")
    first = ownership.task_run(nested, "first", run)
    second = ownership.task_run(nested, "second", first)
    give_owners(nested, "taskruns", "first", run, second)
    ownership.pod(nested, "deep", second)
    nested.later(5)
    assert nested.attempt(push(nested)) is Exit.TRY_AGAIN
    assert (nested.runs(), names(nested, "pods"), names(nested, "taskruns")) == (set(), set(), {"first", "second"})
    assert only_agent(nested).reason == "its taskruns.tekton.dev first still exists"


def test_an_object_whose_owner_was_forced_away_is_recognised_by_its_uid(nested: Scene) -> None:
    """Somebody deletes what lies between and leaves its dependents."""
    chain(nested, depth=2)

    def force(_: object) -> None:
        nested.api.delete("taskruns", "task-run-0", namespace=AGENTS, propagationPolicy="Orphan")

    nested.api.faults.add(Fault(method="DELETE", path="/coderuns/stale", before=force))
    assert nested.attempt(push(nested)) is Exit.TRY_AGAIN
    assert names(nested, "pods") == set(), "they are forced"
    assert only_agent(nested).reason == "its taskruns.tekton.dev task-run-1 still exists"


def test_an_object_that_another_owner_has_adopted_is_left_alone(nested: Scene) -> None:
    run = nested.agent(name="stale", phase="Running")
    adopter = ownership.task_run(nested, "adopter")
    adopted = ownership.task_run(nested, "adopted", run)
    ownership.pod(nested, "deep", adopted)
    nested.later(5)
    workflow = push(nested)
    nested.api.faults.add(
        Fault(
            method="DELETE",
            path="/coderuns/stale",
            before=lambda _: give_owners(nested, "taskruns", "adopted", adopter),
        )
    )
    assert nested.attempt(workflow) is Exit.DONE
    assert names(nested, "pods") == {"deep"}


def test_a_further_attempt_recognises_the_pod_of_an_object_that_is_gone(nested: Scene) -> None:
    """Its owner is gone with the run, and the pod names only the owner's uid."""
    chain(nested, depth=1)
    workflow = push(nested)
    pause = DEFAULTS.lease.renew_deadline_s + 1
    nested.api.faults.add(Fault(method="DELETE", path="/coderuns/", after=lambda _: nested.clock.sleep(pause)))
    assert nested.step(cancel, workflow, pod="first") is Exit.TRY_AGAIN
    nested.end_pod("first", phase="Failed")
    assert (nested.runs(), names(nested, "taskruns"), names(nested, "pods")) == (set(), set(), {"deep"})
    there = pods_at_label(nested)
    assert nested.attempt(workflow) is Exit.DONE
    assert (there, names(nested, "pods")) == ([], set())
    assert only_agent(nested).owned is None


def test_only_the_resources_that_the_kinds_name_are_listed(scene: Scene) -> None:
    ownership.task_run(scene, "somebody-elses")
    scene.agent()
    scene.later(5)
    assert scene.attempt(push(scene)) is Exit.DONE
    listed = {call.path.rpartition("/")[2] for call in scene.api.calls if call.method == "GET" and AGENTS in call.path}
    assert listed == {"coderuns", "jobs", "pods", "task-7-state"}


def test_what_runs_own_is_listed_once_before_the_first_delete(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    assert scene.attempt(push(scene)) is Exit.DONE
    calls = [(call.method, call.path.rpartition("/")[2]) for call in scene.api.calls if AGENTS in call.path]
    first = next(number for number, (method, _) in enumerate(calls) if method == "DELETE")
    assert sorted(calls[:first]) == [("GET", "coderuns"), ("GET", "jobs"), ("GET", "task-7-state")]


# Pods by their labels.


@pytest.mark.parametrize("value", ["{name}", "{uid}", "run-{name}"])
def test_pods_without_an_owner_are_found_by_the_selector_of_their_kind(nested: Scene, value: str) -> None:
    nested.settings = replace(
        DEFAULTS, agents=(replace(NESTED, owns=(), pod_selector={LABEL: value, "kind": "agent"}),)
    )
    run = nested.agent(name="stale", phase="Running")["metadata"]
    label = value.replace("{name}", run["name"]).replace("{uid}", run["uid"])
    for name, labels in (
        ("own", {LABEL: label, "kind": "agent"}),
        ("half", {LABEL: label}),
        ("other", {LABEL: "other", "kind": "agent"}),
    ):
        ownership.pod(nested, name, labels=labels)
    nested.later(5)
    assert nested.attempt(push(nested)) is Exit.DONE
    assert names(nested, "pods") == {"half", "other"}


def test_the_pods_of_a_namesake_are_not_forced_although_their_labels_are_the_same(nested: Scene) -> None:
    nested.settings = replace(DEFAULTS, agents=(replace(NESTED, owns=(), pod_selector={LABEL: "{name}"}),))
    nested.agent(name="stale", phase="Running")
    ownership.pod(nested, "old", labels={LABEL: "stale"})
    nested.later(5)
    workflow = push(nested)
    nested.later(2)

    def recreate() -> None:
        if not nested.runs():
            nested.agent(name="stale", phase="Running")
            ownership.pod(nested, "new", labels={LABEL: "stale"})

    nested.clock.every(recreate)
    assert nested.play(workflow) is Exit.DONE
    assert (nested.runs(), names(nested, "pods")) == ({"stale"}, {"new"})


@pytest.mark.parametrize("obeys", [True, False], ids=["cancels itself", "does not hear"])
def test_a_pipeline_run_is_stopped_by_the_documented_table(scene: Scene, *, obeys: bool) -> None:
    scene.settings = replace(DEFAULTS, agents=(PIPELINE_RUN,))
    scene.kubelet.ending = Ending.DEAD_NODE
    labels = {"task-id": "7", "agent": TESS, "kind-of-work": "agent"}
    run = ownership.pipeline_run(scene, "stale", labels=labels, annotations={"repository": REPOSITORY})
    step = ownership.task_run(scene, "stale-step", run)
    ownership.pod(scene, "stale-step-pod", step, labels={LABEL: "stale"})
    ownership.pod(scene, "affinity-assistant", labels={LABEL: "stale"})
    scene.later(5)
    done = {"status": {"conditions": [{"type": "Succeeded", "status": "False", "reason": "Cancelled"}]}}

    def obey(_: object) -> None:
        scene.api.patch("pipelineruns", "stale", done, namespace=AGENTS)

    if obeys:
        scene.api.faults.add(Fault(method="PATCH", path="/pipelineruns/", after=obey))
    assert scene.attempt(push(scene)) is Exit.DONE
    assert (names(scene, "pods"), names(scene, "pipelineruns")) == (set(), {"stale"} if obeys else set())
    assert only_agent(scene).outcome is (RunOutcome.FINISHED if obeys else RunOutcome.GONE)


# What a kept run owns as well.


def test_an_object_that_a_kept_run_owns_as_well_is_neither_awaited_nor_forced(nested: Scene) -> None:
    stale = nested.agent(name="stale", phase="Running")
    nested.later(5)
    workflow = push(nested)
    nested.later(2)
    newer = nested.agent(name="newer", phase="Running")
    shared = ownership.task_run(nested, "shared", stale, newer)
    ownership.pod(nested, "of-both", shared)
    ownership.pod(nested, "of-the-stale", stale)
    nested.later(5)
    assert nested.play(workflow) is Exit.DONE
    assert (nested.runs(), names(nested, "pods"), names(nested, "taskruns")) == ({"newer"}, {"of-both"}, {"shared"})


def test_what_a_run_of_another_task_comes_to_own_as_well_is_not_forced(nested: Scene) -> None:
    """The stale run stays, because it ends when it is asked to."""
    owns = (TASK_RUNS, "agents.platform/v1/coderuns")
    nested.settings = replace(DEFAULTS, agents=(replace(NESTED, owns=owns, stop_patch=PLEASE),))
    stale = nested.agent(name="stale", phase="Running")
    ownership.task_run(nested, "of-nobody")
    nested.later(5)

    def share(_: object) -> None:
        done = {"status": {"phase": "Succeeded"}}
        nested.api.patch("coderuns", "stale", done, namespace=AGENTS, subresource="status")
        other = nested.agent(name="other", task=8, phase="Running")
        ownership.pod(nested, "of-both", ownership.task_run(nested, "shared", stale, other))
        ownership.pod(nested, "of-the-stale", stale)

    nested.api.faults.add(Fault(method="PATCH", path="/coderuns/", after=share))
    assert nested.attempt(push(nested)) is Exit.DONE
    assert names(nested, "pods") == {"of-both"}

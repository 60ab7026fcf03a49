"""Runs that other runs own: what is to be kept does not die with a stale owner, whatever lies between the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.agent import Agent, RunOutcome
from steps.kube.transport import Json
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.runs import REX
from tests.support import ownership
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene, Workflow
from tests.support.ownership import TASK_RUNS, child
from tests.support.scenarios import AGENTS, MOVED, found, pushed

CODE_RUN = DEFAULTS.agents[0]
PLEASE = {"metadata": {"annotations": {"stop": "please"}}}


def agents(scene: Scene) -> dict[str, Agent]:
    """The record's entries, by name."""
    return {agent.name: agent for agent in scene.record().agents}


def reason(name: str) -> str:
    return f"owns a run that is kept: {name}"


def begun(scene: Scene, *, name: str = "stale") -> tuple[Json, Workflow]:
    """A stale agent that works, and the Workflow of the push; what starts from now on is newer."""
    stale = scene.agent(name=name)
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)
    return scene.api.get("coderuns", stale["metadata"]["name"], namespace=AGENTS), workflow


def working(scene: Scene) -> set[str]:
    """Names of the runs whose pods work."""
    pods = scene.api.list("pods", namespace=AGENTS, fields="status.phase=Running")
    return {each["metadata"]["name"].partition("-")[0] for each in pods if "deletionTimestamp" not in each["metadata"]}


def directly(scene: Scene, stale: Json) -> Json:
    del scene
    return stale


def by_a_job(scene: Scene, stale: Json) -> Json:
    return scene.api.get("jobs", stale["status"]["jobName"], namespace=AGENTS)


def by_a_pod(scene: Scene, stale: Json) -> Json:
    """The agent itself starts another one, with its pod as the owner."""
    labels = f"batch.kubernetes.io/job-name={stale['status']['jobName']}"
    (found_pod,) = scene.api.list("pods", namespace=AGENTS, labels=labels)
    return {"apiVersion": "v1", "kind": "Pod", **found_pod}


def by_task_runs(scene: Scene, stale: Json) -> Json:
    first = ownership.task_run(scene, "first", stale)
    return ownership.task_run(scene, "second", first)


@pytest.mark.parametrize("block", [True, False], ids=["blocking", "not blocking"])
@pytest.mark.parametrize("owner_of", [directly, by_a_job, by_a_pod, by_task_runs])
def test_a_newer_run_does_not_die_with_a_stale_run_that_owns_it(
    scene: Scene, owner_of: Callable[[Scene, Json], Json], *, block: bool
) -> None:
    if owner_of is by_task_runs:
        scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, owns=(TASK_RUNS,)),))
    stale, workflow = begun(scene)
    child(scene, owner_of(scene, stale), name="newer", block=block)
    scene.later(3)
    assert scene.play(workflow) is Exit.DONE
    scene.later(60)
    assert (scene.runs(), working(scene)) == ({"stale", "newer"}, {"stale", "newer"})
    assert (agents(scene)["stale"].outcome, agents(scene)["stale"].reason) == (RunOutcome.KEPT, reason("newer"))
    assert set(scene.github.labels(1)) == MOVED
    warnings = [line for line in scene.events() if line.get("event") == "stale run not stopped"]
    assert [(line["run"], line["reason"]) for line in warnings] == [("stale", reason("newer"))]


def test_an_exempt_run_does_not_die_with_a_stale_run_that_owns_it(scene: Scene) -> None:
    owner = scene.agent(name="stale")
    child(scene, owner, name="exempt", agent=REX)
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {"stale", "exempt"}
    assert agents(scene)["stale"].reason == reason("exempt")


def test_a_run_on_the_head_does_not_die_with_a_stale_run_that_owns_it(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, sha="metadata.annotations.sha"),))
    owner = scene.agent(name="stale")
    child(scene, owner, name="head", annotations={"sha": NEW})
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {"stale", "head"}


def test_a_run_of_another_repository_does_not_die_with_a_stale_run_that_owns_it(scene: Scene) -> None:
    owner = scene.agent(name="stale")
    child(scene, owner, name="elsewhere", repository="5dlabs/other")
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == {"stale", "elsewhere"}


def test_a_stale_run_that_has_finished_saves_no_owner(scene: Scene) -> None:
    owner = scene.agent(name="stale")
    child(scene, owner, name="finished", phase="Succeeded")
    scene.later(5)
    pushed(scene)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.runs() == set()


def test_all_owners_of_a_kept_run_are_kept_and_their_other_runs_are_stopped(scene: Scene) -> None:
    top, sibling = scene.agent(name="top"), scene.agent(name="sibling")
    middle = child(scene, top, name="middle")
    child(scene, top, name="stale")
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.later(2)
    child(scene, middle, sibling, name="newer")
    scene.agent(name="alone")
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {"top", "middle", "sibling", "newer", "alone"}
    kept = {name: agent.reason for name, agent in agents(scene).items() if agent.kept_for}
    assert kept == dict.fromkeys(("top", "middle", "sibling"), reason("newer"))
    assert agents(scene)["stale"].outcome is RunOutcome.GONE


def test_a_dry_run_says_that_an_owner_would_be_kept(scene: Scene) -> None:
    stale, workflow = begun(scene)
    child(scene, by_a_job(scene, stale), name="newer")
    dry = replace(workflow, push=replace(workflow.push, dry_run=True))
    assert scene.attempt(dry) is Exit.DONE
    kept = [line["run"] for line in scene.events() if line.get("event") == "dry run: run would be kept"]
    assert set(kept) == {"stale", "newer"}
    assert scene.runs() == {"stale", "newer"}


def test_a_run_of_another_task_is_seen_if_the_settings_say_that_runs_own_runs(scene: Scene) -> None:
    scene.settings = replace(
        DEFAULTS, agents=(replace(CODE_RUN, owns=("batch/v1/jobs", "agents.platform/v1/coderuns")),)
    )
    stale, workflow = begun(scene)
    child(scene, stale, name="other", task=8)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {"stale", "other"}
    assert agents(scene)["stale"].reason == reason("other")
    scene.reconcile_settings = replace(DEFAULTS, agents=scene.settings.agents)
    assert found(scene.reconcile()) == []


# While it is being stopped.


def test_an_owner_of_a_kept_run_is_not_asked_to_stop(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE, delete=False),))
    stale, workflow = begun(scene)
    child(scene, stale, name="newer")
    assert scene.play(workflow) is Exit.DONE
    assert not [call for call in scene.api.calls if call.method == "PATCH" and "/coderuns/" in call.path]


@pytest.mark.parametrize("owner_of", [directly, by_a_job])
def test_a_run_that_starts_another_one_while_it_is_asked_to_stop_is_not_deleted(
    scene: Scene, owner_of: Callable[[Scene, Json], Json]
) -> None:
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    stale, workflow = begun(scene)
    scene.api.faults.add(
        Fault(method="PATCH", path="/coderuns/", after=lambda _: child(scene, owner_of(scene, stale), name="newer"))
    )
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {"stale", "newer"}
    kept, uid = agents(scene)["stale"], scene.api.get("coderuns", "newer", namespace=AGENTS)["metadata"]["uid"]
    assert (kept.reason, kept.kept_for, kept.owned) == (reason("newer"), uid, None)


@pytest.mark.parametrize("owner_of", [directly, by_a_job])
def test_a_run_that_changes_because_it_has_started_another_one_is_not_deleted(
    scene: Scene, owner_of: Callable[[Scene, Json], Json]
) -> None:
    """Its status names the new run, so the precondition of the delete fails."""
    stale, workflow = begun(scene)

    def start(_: object) -> None:
        child(scene, owner_of(scene, stale), name="newer")
        status = {"status": {"message": "started another one"}}
        scene.api.patch("coderuns", "stale", status, namespace=AGENTS, subresource="status")

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/stale", before=start))
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {"stale", "newer"}
    assert (agents(scene)["stale"].outcome, agents(scene)["stale"].reason) == (RunOutcome.KEPT, reason("newer"))
    assert agents(scene)["stale"].kept_for == scene.api.get("coderuns", "newer", namespace=AGENTS)["metadata"]["uid"]


@pytest.mark.parametrize("owner_of", [directly, by_a_job])
def test_a_run_that_starts_another_one_while_its_delete_waits_for_a_busy_server_is_not_deleted(
    scene: Scene, owner_of: Callable[[Scene, Json], Json]
) -> None:
    stale, workflow = begun(scene)
    scene.api.faults.add(
        Fault(
            method="DELETE",
            path="/coderuns/stale",
            status=429,
            before=lambda _: child(scene, owner_of(scene, stale), name="newer"),
        )
    )
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {"stale", "newer"}
    assert agents(scene)["stale"].reason == reason("newer")


def test_a_run_that_is_gone_once_a_busy_server_answers_is_not_deleted_again(scene: Scene) -> None:
    _, workflow = begun(scene)
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/stale", lose="reply"))
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == set()
    assert len([call for call in scene.api.calls if call.method == "DELETE"]) == 1


def test_a_run_that_is_being_deleted_already_is_awaited_although_it_owns_a_kept_run(scene: Scene) -> None:
    stale, workflow = begun(scene)
    child(scene, stale, name="newer")
    scene.api.delete("coderuns", "stale", namespace=AGENTS, propagationPolicy="Orphan")
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {"newer"}


# Afterwards.


def spared(scene: Scene) -> None:
    """A stale agent that was kept for a newer run that it owns."""
    stale, workflow = begun(scene)
    child(scene, stale, name="newer")
    scene.later(3)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {"stale", "newer"}


@pytest.mark.parametrize("finished", [False, True], ids=["at work", "finished"])
def test_reconcile_does_not_find_an_owner_as_long_as_its_run_exists(scene: Scene, *, finished: bool) -> None:
    spared(scene)
    if finished:
        done = {"status": {"phase": "Succeeded"}}
        scene.api.patch("coderuns", "newer", done, namespace=AGENTS, subresource="status")
    assert [found(scene.reconcile()) for _ in range(3)] == [[], [], []]


def test_reconcile_stops_an_owner_once_its_run_is_gone(scene: Scene) -> None:
    spared(scene)
    scene.api.delete("coderuns", "newer", namespace=AGENTS)
    scene.later(5)
    assert found(scene.reconcile()) == [(FindingKind.LIVE_STALE, RepairAction.REOPEN)]
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.runs() == set()
    assert found(scene.reconcile()) == []


def test_the_next_push_stops_both(scene: Scene) -> None:
    spared(scene)
    scene.later(5)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert scene.runs() == set()
    assert {agent.outcome for agent in scene.record().agents} == {RunOutcome.GONE}

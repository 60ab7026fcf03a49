"""Kinds that are deleted beside kinds that are asked to stop: neither waits for the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from tests.doubles.platform.kubelet import Ending
from tests.support.documented_kinds import KINDS
from tests.support.harness import DEFAULTS, Scene
from tests.support.ownership import give_owners
from tests.support.runs_of_presets import AGENTS, PRESETS, kinds_of, pods_of
from tests.support.scenarios import pushed

BY_NAME = {preset.name: preset for preset in PRESETS}
WORKFLOW, JOB, GROUP = BY_NAME["argo-workflow"], BY_NAME["job"], BY_NAME["pod-group"]
SOON_S = 5.0


def work_with(scene: Scene, *names: str) -> None:
    """Let agents be of these kinds. Nobody follows the request to a Workflow to stop."""
    scene.settings = replace(DEFAULTS, agents=tuple(KINDS[name] for name in names))


def when(scene: Scene, happens: Callable[[], bool]) -> list[float]:
    """Seconds from now until something is so; empty until then."""
    began, seen = scene.clock.monotonic(), list[float]()

    def look() -> None:
        if not seen and happens():
            seen.append(scene.clock.monotonic() - began)

    scene.clock.every(look)
    return seen


def is_ending(scene: Scene, preset: str, name: str) -> bool:
    found = scene.api.find(BY_NAME[preset].kind.plural, name, namespace=AGENTS)
    return found is None or "deletionTimestamp" in found["metadata"]


def test_a_job_is_deleted_at_once_although_a_workflow_does_not_stop(scene: Scene) -> None:
    work_with(scene, "argo-workflow", "job")
    WORKFLOW.run(scene, "slow")
    JOB.run(scene, "quick")
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    ending = when(scene, lambda: is_ending(scene, "job", "quick"))
    assert scene.attempt(workflow) is Exit.DONE
    assert ending
    assert ending[0] < SOON_S
    assert {agent.outcome for agent in scene.record().agents} == {RunOutcome.GONE}


def test_a_workflow_is_asked_to_stop_before_the_job_that_it_might_start_again_is_deleted(scene: Scene) -> None:
    work_with(scene, "job", "argo-workflow")
    JOB.run(scene, "quick")
    WORKFLOW.run(scene, "slow")
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    writes = [(call.method, call.path.rpartition("/")[2]) for call in scene.api.calls if f"/{AGENTS}/" in call.path]
    assert writes.index(("PATCH", "slow")) < writes.index(("DELETE", "quick"))


def test_an_owner_is_deleted_only_after_the_workflow_that_would_be_deleted_with_it_had_its_time(scene: Scene) -> None:
    work_with(scene, "argo-workflow", "job")
    owner = JOB.run(scene, "owner")
    WORKFLOW.run(scene, "slow")
    give_owners(scene, "workflows", "slow", owner)
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    ending = when(scene, lambda: is_ending(scene, "argo-workflow", "slow"))
    assert scene.attempt(workflow) is Exit.DONE
    assert ending
    assert ending[0] >= DEFAULTS.stop.grace_s
    assert (kinds_of(scene, JOB), kinds_of(scene, WORKFLOW)) == (set(), set())


def test_the_pods_of_a_group_get_their_own_grace_period_although_a_workflow_does_not_stop(scene: Scene) -> None:
    work_with(scene, "argo-workflow", "pod-group")
    scene.kubelet.ending, scene.kubelet.exit_after_s = Ending.AFTER, 7.0
    WORKFLOW.run(scene, "slow")
    GROUP.run(scene, "group")
    scene.later(5)
    pushed(scene)
    assert scene.attempt(scene.workflow()) is Exit.DONE
    deletes = [call for call in scene.api.calls if call.method == "DELETE" and call.path.endswith("/pods/group-pod")]
    assert [(call.body or {}).get("gracePeriodSeconds") for call in deletes] == [None]
    assert pods_of(scene, "group") == set()

"""Every answer takes seconds: the Lease is renewed between any two requests, however many runs there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.domain.record import LabelOutcome
from steps.settings import RunKind
from tests.doubles.github import delay
from tests.doubles.kubernetes import Fault
from tests.support import ownership
from tests.support.harness import DEFAULTS, NEW, Scene

AGENTS = DEFAULTS.namespaces.agents[0]
CODE_RUN = DEFAULTS.agents[0]
PLEASE = {"metadata": {"annotations": {"stop": "please"}}}
RUNS = 12
ASKED = replace(CODE_RUN, stop_patch=PLEASE)


@pytest.mark.parametrize("kind", [CODE_RUN, ASKED], ids=["deleted", "asked, then deleted"])
def test_a_push_is_processed_although_every_answer_takes_seconds(scene: Scene, kind: RunKind) -> None:
    # One by one: in the tests, time passes for all threads when one of them waits.
    scene.settings = replace(DEFAULTS, agents=(kind,), stop=replace(DEFAULTS.stop, parallel=1))
    for _ in range(RUNS):
        scene.agent()
    scene.later(60)  # the slower the answers, the less exact is the measured difference of the clocks
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.api.faults.add(Fault(times=0, delay_s=3))
    scene.github.fault(delay(7), times=1e9)
    assert scene.attempt(workflow) is Exit.DONE
    assert scene.record().labels is LabelOutcome.MOVED
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.GONE] * RUNS


def assert_done(scene: Scene) -> None:
    assert scene.record().labels is LabelOutcome.MOVED
    assert [agent.outcome for agent in scene.record().agents] == [RunOutcome.GONE]


@pytest.mark.parametrize("kind", [CODE_RUN, ASKED], ids=["deleted", "asked, then deleted"])
def test_a_push_is_processed_although_there_are_many_namespaces_to_list(scene: Scene, kind: RunKind) -> None:
    """Each look takes longer than a Lease may go without renewal."""
    spaces = tuple(f"team-{number}" for number in range(30))
    for name in spaces:
        scene.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    namespaces = replace(DEFAULTS.namespaces, agents=(AGENTS, *spaces))
    scene.settings = replace(DEFAULTS, agents=(kind,), namespaces=namespaces)
    scene.agent()
    scene.later(60)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.api.faults.add(Fault(times=0, delay_s=0.8))
    assert scene.attempt(workflow) is Exit.DONE
    assert_done(scene)


def test_a_push_is_processed_although_a_namespace_has_thousands_of_pods(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, kubernetes=replace(DEFAULTS.kubernetes, page=1))
    scene.agent()
    for number in range(60):
        ownership.pod(scene, f"other-{number}")
    scene.later(60)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    scene.api.faults.add(Fault(path=r"/pods\?", times=0, delay_s=0.5))
    assert scene.attempt(workflow) is Exit.DONE
    assert_done(scene)

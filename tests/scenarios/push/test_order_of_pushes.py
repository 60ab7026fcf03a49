"""Which of two pushes is newer, and which agents it makes stale. Only the clocks of GitHub and the API server count."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from steps.core.errors import Exit
from steps.domain.record import LabelOutcome
from tests.support.harness import DEFAULTS, NEW, NEWER, Scene
from tests.support.scenarios import found


def fresh_agent(scene: Scene) -> str:
    """An agent that the platform starts now, on the head."""
    return str(scene.agent()["metadata"]["name"])


def test_a_redelivery_after_a_repair_stops_no_newer_agent(scene: Scene) -> None:
    scene.agent()
    scene.later(200)
    scene.github.push("task-7-work", NEW)  # its webhook gets no answer
    pushed_at = scene.clock.now() + timedelta(seconds=1)  # GitHub's two times of one push may differ by a second
    scene.later(10)
    fresh = fresh_agent(scene)
    scene.later(130)
    assert len(found(scene.reconcile())) == 1
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.runs() == {fresh}
    scene.later(600)
    assert scene.play(scene.workflow(sha=NEW, pushed_at=pushed_at)) is Exit.DONE
    assert scene.runs() == {fresh}


def test_an_agent_that_started_in_the_same_second_as_the_push_is_kept(scene: Scene) -> None:
    scene.later(0.25)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow(sha=NEW)
    scene.later(0.25)
    fresh = fresh_agent(scene)
    scene.later(2)
    assert scene.play(workflow) is Exit.DONE
    assert scene.runs() == {fresh}


def test_a_late_workflow_stops_no_agent_that_started_after_the_push(scene: Scene) -> None:
    stale = fresh_agent(scene)
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    pushed_at = scene.clock.now()
    scene.later(10)
    fresh = fresh_agent(scene)
    scene.later(12)  # the Sensor was being replaced, or retried
    assert scene.play(scene.workflow(sha=NEW, pushed_at=pushed_at)) is Exit.DONE
    assert scene.runs() == {fresh}
    assert stale in {agent.name for agent in scene.record().agents}


def test_submitting_the_head_again_stops_no_newer_agent(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow(sha=NEW)) is Exit.DONE
    scene.later(20)
    fresh = fresh_agent(scene)
    scene.later(600)
    assert scene.play(scene.workflow(sha=NEW)) is Exit.DONE
    assert scene.runs() == {fresh}


def test_a_laptop_whose_clock_is_ahead_does_not_supersede_the_next_push(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    manual = scene.workflow(sha=NEW, pushed_at=scene.clock.now() + timedelta(seconds=25))
    assert scene.play(manual) is Exit.DONE
    scene.github.edit_labels(1, add=["ready-for-qa"], remove=["remediation-in-progress"])
    scene.later(5)
    scene.agent()
    scene.later(10)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(scene.workflow(sha=NEWER)) is Exit.DONE
    assert scene.runs() == set()
    assert "remediation-in-progress" in scene.github.labels(1)


def test_the_time_of_a_push_is_converted_to_the_api_servers_clock(scene: Scene) -> None:
    """GitHub's clock is 20 s behind: by its time the push came before the stale agent began."""
    stale = fresh_agent(scene)
    scene.later(5)
    real = scene.github._clock
    scene.github._clock = lambda: real() - 20
    scene.github.push("task-7-work", NEW)
    pushed_at = scene.clock.now() - timedelta(seconds=20)
    scene.later(10)
    fresh = fresh_agent(scene)
    scene.later(2)
    assert scene.play(scene.workflow(sha=NEW, pushed_at=pushed_at)) is Exit.DONE
    assert scene.runs() == {fresh}
    assert stale in {agent.name for agent in scene.record().agents}


def test_if_the_api_servers_clock_is_behind_no_new_agent_is_stale(scene: Scene) -> None:
    """GitHub's clock is 20 s ahead: by its time the push came after the fresh agent began."""
    scene.agent()
    scene.later(25)
    real = scene.github._clock
    scene.github._clock = lambda: real() + 20
    scene.github.push("task-7-work", NEW)
    pushed_at = scene.clock.now() + timedelta(seconds=20)
    scene.later(5)
    fresh = fresh_agent(scene)
    scene.later(2)
    assert scene.play(scene.workflow(sha=NEW, pushed_at=pushed_at)) is Exit.DONE
    assert scene.runs() == {fresh}


def test_a_push_between_two_others_that_comes_late_is_superseded_by_a_head_whose_webhook_was_lost(scene: Scene) -> None:
    """Reconcile knows the head only from the pull request: neither its time nor the commit that it replaced."""
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    middle = "d" * 40
    pushes = []
    for sha in (NEW, middle, NEWER):
        scene.later(2)
        scene.github.push("task-7-work", sha)
        pushes.append(scene.clock.now())
    assert scene.play(scene.workflow(sha=NEW, pushed_at=pushes[0])) is Exit.DONE
    assert scene.record().left_to == NEWER
    on_head = scene.agent(annotations={"sha": NEWER})["metadata"]["name"]
    scene.later(600)
    assert len(found(scene.reconcile())) == 1
    assert scene.run_repairs() == [Exit.DONE]
    assert (scene.record().push.sha, scene.record().labels) == (NEWER, LabelOutcome.MOVED)
    assert scene.play(scene.workflow(sha=middle, before=NEW, pushed_at=pushes[1])) is Exit.DONE
    assert scene.record().push.sha == NEWER
    assert scene.runs() == {on_head}


@pytest.mark.parametrize(("slow_answers", "requests"), [(0, 1), (1, 2), (2, 3)])
def test_a_slow_answer_of_github_does_not_make_the_step_miss_an_agent(
    scene: Scene, slow_answers: int, requests: int
) -> None:
    stale = fresh_agent(scene)
    scene.later(10)
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow(sha=NEW)
    scene.later(2)
    for number in range(1, slow_answers + 1):
        scene.github.before(lambda: scene.later(16), method="GET", path="/pulls$", nth=number)
    assert scene.play(workflow) is Exit.DONE
    assert stale not in scene.runs()
    assert sum(call.path.endswith("/pulls") for call in scene.github.calls) == requests

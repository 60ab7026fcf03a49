"""A run gets its Job while it is being stopped, and only its status says so: the Job has no owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from steps.core.errors import Exit
from steps.domain.agent import Agent, RunOutcome
from steps.kube.transport import Json
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.controller import Cleanup, Controller
from tests.support import ownership
from tests.support.harness import DEFAULTS, Scene
from tests.support.ownership import names
from tests.support.scenarios import AGENTS, MOVED, UNTOUCHED, pushed

CODE_RUN = DEFAULTS.agents[0]
PLEASE = {"metadata": {"annotations": {"stop": "please"}}}


@pytest.fixture
def scene(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A stale run that waits for its Job, as for a free place, and a platform that makes no Job by itself."""
    monkeypatch.setattr(Controller, "_keep_running", lambda _, run: run)
    scene.agent(name="stale")
    scene.later(60)
    pushed(scene)
    return scene


def begin_work(scene: Scene, *, phase: str = "Running") -> None:
    """Make the run's Job, as a platform does that sets no owner."""
    ownership.job(scene, "late")
    status = {"status": {"phase": phase, "jobName": "late"}}
    scene.api.patch("coderuns", "stale", status, namespace=AGENTS, subresource="status")


def once(scene: Scene, *, when: Callable[[], bool], do: Callable[[], object]) -> None:
    """Do something as soon as something is so."""
    done: list[bool] = []

    def look() -> None:
        if not done and when():
            done.append(True)
            do()

    scene.clock.every(look)


def run_now(scene: Scene) -> Json:
    """The metadata of the run; empty if it is gone."""
    found = scene.api.find("coderuns", "stale", namespace=AGENTS) or {}
    metadata: Json = found.get("metadata", {})
    return metadata


def only_agent(scene: Scene) -> Agent:
    (agent,) = scene.record().agents
    return agent


def assert_all_is_gone(scene: Scene) -> None:
    scene.later(60)
    assert (names(scene, "coderuns"), names(scene, "jobs"), names(scene, "pods")) == (set(), set(), set())
    assert (only_agent(scene).outcome, set(scene.github.labels(1))) == (RunOutcome.GONE, MOVED)


def test_a_job_that_is_named_just_before_the_delete_is_ended(scene: Scene) -> None:
    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=lambda _: begin_work(scene)))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert_all_is_gone(scene)


def test_a_job_that_is_named_while_the_run_is_being_removed_is_ended(scene: Scene) -> None:
    patch = {"metadata": {"finalizers": ["agents.platform/cleanup"]}}
    scene.api.patch("coderuns", "stale", patch, namespace=AGENTS)
    for controller in scene.controllers.values():
        controller.cleanup, controller.slow_s = Cleanup.SLOW, 4.0
    once(scene, when=lambda: "deletionTimestamp" in run_now(scene), do=lambda: begin_work(scene))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert_all_is_gone(scene)


def asked(scene: Scene) -> Callable[[], bool]:
    """Let runs be asked to stop; whether this one was."""
    scene.settings = replace(DEFAULTS, agents=(replace(CODE_RUN, stop_patch=PLEASE),))
    return lambda: "stop" in (run_now(scene).get("annotations") or {})


def test_a_job_that_is_named_while_the_run_is_asked_to_stop_is_ended(scene: Scene) -> None:
    once(scene, when=asked(scene), do=lambda: begin_work(scene))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert_all_is_gone(scene)


def test_the_job_of_a_run_that_names_it_and_then_stops_on_request_is_ended(scene: Scene) -> None:
    once(scene, when=asked(scene), do=lambda: begin_work(scene, phase="Failed"))
    there: list[str] = []
    scene.github.before(lambda: there.extend(names(scene, "pods")), method="POST", path="/labels$")
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert (there, names(scene, "jobs"), only_agent(scene).outcome) == ([], set(), RunOutcome.FINISHED)


def test_the_job_of_a_run_that_names_it_and_then_vanishes_is_ended(scene: Scene) -> None:
    once(scene, when=asked(scene), do=lambda: begin_work(scene))
    named = [0.0]

    def is_named_for_some_time() -> bool:
        named[0] = named[0] or (scene.clock.monotonic() if names(scene, "jobs") else 0.0)
        return bool(named[0]) and scene.clock.monotonic() - named[0] > DEFAULTS.stop.poll_s * 2

    once(scene, when=is_named_for_some_time, do=lambda: scene.api.delete("coderuns", "stale", namespace=AGENTS))
    assert scene.attempt(scene.workflow()) is Exit.DONE
    assert_all_is_gone(scene)


@pytest.mark.parametrize(
    "fails",
    [Fault(method="DELETE", path="/jobs/", status=503, times=0), Fault(path=r"/jobs\?", status=503, times=0)],
    ids=["its DELETE is refused", "it cannot be listed"],
)
def test_a_later_attempt_knows_the_job_of_a_run_that_is_gone(scene: Scene, fails: Fault) -> None:
    def begin(_: object) -> None:
        begin_work(scene)
        scene.api.faults.add(fails)

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", before=begin))
    workflow = scene.workflow()
    assert scene.attempt(workflow) is Exit.TRY_AGAIN
    assert (names(scene, "coderuns"), names(scene, "jobs")) == (set(), {"late"})
    assert set(scene.github.labels(1)) == UNTOUCHED
    scene.api.faults.clear()
    assert scene.attempt(workflow) is Exit.DONE
    assert_all_is_gone(scene)

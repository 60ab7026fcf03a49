"""The end of a cancellation: what is measured, reported and logged of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from steps.cancel import cancel
from steps.cancellation.execution import start_execution
from steps.cancellation.report import INCLUDE_NEWER_HINT
from steps.core.errors import Exit
from steps.core.keys import KEEP
from steps.domain.push import MANUAL_REASON
from steps.settings.policies import RepositoryPolicy
from steps.telemetry.measurements import REPORT, CancellationResult, Measure
from tests.doubles.platform.runs import REX, TESS
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, REPOSITORY, Scene, Workflow
from tests.support.scenarios import AGENTS, put_record, stale_push

BRANCH = "task-7-work"
MARK = {"metadata": {"labels": {KEEP: "true"}}}


def measured(scene: Scene, workflow: Workflow) -> dict[str, str]:
    """The measurements of the pod."""
    assert scene.step(cancel, workflow, pod="measured") is Exit.DONE
    return scene.measured["measured"].values


def logged(scene: Scene) -> list[str]:
    return [line["event"] for line in scene.events()]


def test_only_agents_that_a_person_has_marked_count_as_kept_by_the_mark(scene: Scene) -> None:
    for name, agent in (("marked", TESS), ("exempt", REX), ("exempt-too", REX), ("stale", TESS)):
        scene.agent(name=name, agent=agent)
    scene.api.patch("coderuns", "marked", MARK, namespace=AGENTS)
    scene.later(90)
    scene.github.push(BRANCH, NEW)
    found = measured(scene, scene.workflow())
    assert (float(found[Measure.KEPT_BY_MARK]), float(found[Measure.STOPPED])) == (1, 1)


def test_agents_that_are_gone_before_the_time_of_the_push_lived_on_for_no_time(scene: Scene) -> None:
    """Both times are whole seconds, of two servers."""
    scene.github.push(BRANCH, NEW)
    found = measured(scene, scene.workflow(pushed_at=scene.clock.now() + timedelta(seconds=2)))
    assert (float(found[Measure.GONE_S]), float(found[Measure.FINISHED_S])) == (0, 0)


@pytest.mark.parametrize("skipped", [True, False], ids=["skip label", "open again"])
def test_why_no_agent_is_stopped_is_in_the_log(scene: Scene, *, skipped: bool) -> None:
    if skipped:
        scene.github.edit_labels(1, add=["skip-automation"])
        scene.github.push(BRANCH, NEW)
        workflow = scene.workflow()
    else:
        scene.github.close(1)
        assert scene.play(scene.ended("closed", before=OLD)) is Exit.DONE
        scene.later(60)
        scene.github.reopen(1)
        workflow = scene.ended("closed", before=OLD)
    found = measured(scene, workflow)
    assert found[Measure.OUTCOME] == CancellationResult.SKIPPED
    assert ("skip label is set, agents not stopped" in logged(scene)) is skipped
    assert ("pull request is open again, agents not stopped" in logged(scene)) is not skipped


@pytest.mark.parametrize(("reason", "hinted"), [(MANUAL_REASON, True), ("push", False)])
def test_a_person_whose_request_is_superseded_reads_how_to_include_newer_runs(
    scene: Scene, reason: str, *, hinted: bool
) -> None:
    first = stale_push(scene)
    assert scene.play(first) is Exit.DONE
    found = measured(scene, scene.workflow(before=OLD, pushed_at=first.push.pushed_at, reason=reason))
    assert found[Measure.OUTCOME] == CancellationResult.SUPERSEDED
    assert (INCLUDE_NEWER_HINT in found[REPORT]) is hinted


def test_an_event_that_does_not_count_for_the_repository_is_reported(scene: Scene) -> None:
    policy = RepositoryPolicy(repositories=(REPOSITORY,), react_to=("closed",))
    scene.settings = replace(DEFAULTS, policies=(policy,))
    found = measured(scene, scene.workflow())
    assert found[REPORT] == "nothing to do: push does not count for this repository"
    assert found[Measure.OUTCOME] == CancellationResult.SUPERSEDED


@pytest.mark.parametrize("kept", [True, False])
def test_who_closes_a_pull_request_reads_a_comment_only_if_an_agent_was_stopped(scene: Scene, *, kept: bool) -> None:
    scene.agent(name="run")
    if kept:
        scene.api.patch("coderuns", "run", MARK, namespace=AGENTS)
    scene.later(90)
    scene.github.close(1)
    assert scene.play(scene.ended("closed", before=OLD)) is Exit.DONE
    assert bool(scene.github.comments(1)) is not kept


# The first part.


@pytest.mark.parametrize(("waited_s", "lease_s"), [(3, 0), (3, 5), (-5, 0)])
def test_the_time_to_the_start_of_the_pod_does_not_contain_the_wait_for_the_lease(
    scene: Scene, waited_s: int, lease_s: int
) -> None:
    workflow = scene.workflow()
    context = scene.context(workflow, pod="pod")
    context.lease().read()  # the API server's clock is known once it has answered
    context = replace(context, created_at=context.now() - timedelta(seconds=waited_s))

    def wait(_: object) -> None:
        scene.clock.sleep(lease_s)

    assert start_execution(context, acquire=wait) is None
    found = scene.measured["pod"].values
    assert float(found[Measure.START_S]) == pytest.approx(max(0, waited_s), abs=0.5)
    assert float(found[Measure.LEASE_S]) == lease_s


def test_a_late_webhook_does_not_lower_the_watermark_of_the_stored_record(scene: Scene) -> None:
    first = stale_push(scene)
    scene.begin(first, pod="died")
    scene.end_pod("died", phase="Failed")
    scene.later(60)
    scene.github.push(BRANCH, NEWER)
    scene.later(5)
    scene.agent(name="since")
    scene.later(15)
    put_record(scene, watermark=scene.clock.now() - timedelta(seconds=5))
    stored = scene.record()
    started = scene.begin(scene.workflow(sha=NEWER, before=NEW), pod="second")
    assert started.record.watermark == stored.watermark
    assert "since" in {agent.name for agent in started.record.agents if agent.unproven}

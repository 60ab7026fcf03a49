"""A dry run reports what the push would do: it judges by the same record, and writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from steps.cancel import cancel
from steps.cancellation.execution import StartedExecution
from steps.core.errors import Exit
from steps.telemetry.measurements import REPORT
from tests.doubles.platform.runs import TESS
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, Workflow, ago
from tests.support.scenarios import put_record, stale_push

BRANCH = "task-7-work"


def begun(scene: Scene) -> tuple[Workflow, StartedExecution]:
    """A push whose DELETEs are sent."""
    workflow = stale_push(scene)
    return workflow, scene.begin(workflow, pod="pod")


def previewed(scene: Scene, workflow: Workflow) -> list[str]:
    """What a dry run reports."""
    assert scene.step(cancel, workflow, pod="dry") is Exit.DONE
    return scene.measured["dry"].values[REPORT].splitlines()


def test_a_dry_run_of_a_push_that_was_answered_says_so(scene: Scene) -> None:
    first = stale_push(scene)
    assert scene.play(first) is Exit.DONE
    again = scene.workflow(pushed_at=first.push.pushed_at, dry_run=True)
    assert previewed(scene, again) == ["nothing to do: this push or a newer one is finished"]


def test_a_dry_run_that_would_stop_at_the_skip_label_says_so(scene: Scene) -> None:
    stale_push(scene)
    scene.github.edit_labels(1, add=["skip-automation"])
    (said,) = previewed(scene, scene.workflow(dry_run=True))
    assert said.endswith("labels not moved: skip label")


def on_commits(scene: Scene, *shas: str) -> None:
    """Agents whose runs say what they work on."""
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    for sha in shas:
        scene.agent(agent=TESS, name=f"on-{sha[0]}", annotations={"sha": sha})
    scene.later(5)


def test_a_dry_run_leaves_an_agent_alone_that_works_on_the_head(scene: Scene) -> None:
    on_commits(scene, OLD, NEW)
    scene.github.push("task-7-work", NEW)
    head, stale, kept = previewed(scene, scene.workflow(dry_run=True))
    assert "1 would be stopped, 1 kept; labels would be moved" in head
    assert "coderuns/on-a " in stale
    assert "coderuns/on-b " in kept


def test_a_dry_run_of_an_older_push_looks_at_the_head_of_the_pull_request(scene: Scene) -> None:
    on_commits(scene, NEWER)
    scene.github.push("task-7-work", NEWER)
    head, kept = previewed(scene, scene.workflow(sha=NEW, before=OLD, pushed_at=ago(scene.clock, 1), dry_run=True))
    assert "0 would be stopped, 1 kept" in head
    assert "coderuns/on-c " in kept


def test_a_dry_run_of_the_head_finishes_an_earlier_push_in_its_own_name(scene: Scene) -> None:
    first, _ = begun(scene)
    scene.end_pod("pod", phase="Failed")
    scene.github.push("task-7-work", NEWER)
    dry = scene.workflow(sha=NEWER, pushed_at=first.push.pushed_at, dry_run=True)
    assert previewed(scene, dry)[0].startswith(f"push {NEWER[:12]} to task-7-work: ")


def test_a_dry_run_reads_the_record_as_it_stands(scene: Scene) -> None:
    """Of an unfinished push, the watermark stays what it was."""
    first, _ = begun(scene)
    scene.end_pod("pod", phase="Failed")
    put_record(scene, watermark=scene.record().watermark.replace(year=2027))
    scene.later(60)
    scene.agent(name="since")
    dry = scene.workflow(pushed_at=first.push.pushed_at, dry_run=True)
    assert any("would be stopped  coderuns/since" in said for said in previewed(scene, dry))


def test_the_watermark_of_the_record_is_not_lowered_for_a_late_webhook(scene: Scene) -> None:
    begun(scene)
    scene.end_pod("pod", phase="Failed")
    scene.later(60)
    scene.github.push(BRANCH, NEWER)
    scene.later(5)
    scene.agent(name="since")
    scene.later(15)
    dry = scene.workflow(sha=NEWER, before=NEW, pushed_at=scene.clock.now(), dry_run=True)
    assert any("kept  coderuns/since" in said for said in previewed(scene, dry))
    put_record(scene, watermark=scene.clock.now() - timedelta(seconds=5))
    assert any("would be stopped  coderuns/since" in said for said in previewed(scene, dry))


# The same situation, first as a dry run, then as a push.


def planned(scene: Scene, workflow: Workflow) -> set[str]:
    """The runs that a dry run would stop."""
    dry = replace(workflow, push=replace(workflow.push, dry_run=True))
    text = "\n".join(previewed(scene, dry))
    return set(re.findall(r"would be stopped  coderuns/(\S+)", text))


def stopped(scene: Scene, workflow: Workflow) -> set[str]:
    """The runs that the push stops."""
    before = scene.runs()
    assert scene.play(workflow) is Exit.DONE
    return before - scene.runs()


def named(scene: Scene, sha: str) -> None:
    """An agent whose run names its commit."""
    scene.settings = replace(DEFAULTS, agents=(replace(DEFAULTS.agents[0], sha="metadata.annotations.sha"),))
    scene.agent(annotations={"sha": sha})


def late_payload(scene: Scene) -> Workflow:
    """A run begins after the push, and before the time in its webhook."""
    scene.agent(name="stale")
    scene.later(30)
    scene.github.push(BRANCH, NEW)
    scene.later(5)
    scene.agent(name="fresh")
    scene.later(15)
    return scene.workflow(sha=NEW, before=OLD, pushed_at=scene.clock.now())


def forced_back(scene: Scene) -> Workflow:
    """No pull request shows the head, which is the commit that the push replaced."""
    scene.github.close(1)
    named(scene, OLD)
    scene.later(60)
    scene.github.push(BRANCH, NEW)
    there = scene.workflow(sha=NEW, before=OLD)
    scene.later(30)
    scene.github.push(BRANCH, OLD, forced=True)
    scene.later(5)
    named(scene, OLD)
    scene.later(5)
    return there


def older_head(scene: Scene) -> Workflow:
    """GitHub still shows the commit that the push replaced, and an agent works on the new one."""
    named(scene, OLD)
    scene.later(30)
    scene.github.push(BRANCH, NEW)
    scene.github.show_head(1, OLD)
    scene.later(2)
    named(scene, NEW)
    scene.later(2)
    return scene.workflow(sha=NEW, before=OLD)


def waiting_head(scene: Scene) -> Workflow:
    """The head's Workflow waits behind the push, and an agent began between the two."""
    scene.agent(name="stale")
    scene.later(70)
    scene.github.push(BRANCH, NEW)
    first = scene.workflow(sha=NEW, before=OLD)
    scene.later(5)
    scene.agent(name="between")
    scene.later(70)
    scene.github.push(BRANCH, NEWER)
    scene.workflow(sha=NEWER, before=NEW)
    scene.later(5)
    return first


def open_again(scene: Scene) -> Workflow:
    """The pull request was closed, and is open again."""
    scene.agent()
    scene.later(60)
    scene.github.close(1)
    workflow = scene.ended("closed", before=OLD)
    scene.later(5)
    scene.github.reopen(1)
    return workflow


@pytest.mark.parametrize("situation", [late_payload, forced_back, older_head, waiting_head, open_again])
def test_a_dry_run_plans_what_the_push_then_does(scene: Scene, situation: Callable[[Scene], Workflow]) -> None:
    workflow = situation(scene)
    before = scene.runs()
    plan = planned(scene, workflow)
    assert scene.runs() == before
    assert plan == stopped(scene, workflow)

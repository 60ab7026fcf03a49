"""A pass finds an unfinished cancellation, and the submitted Workflow finishes it. End to end on the doubles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.cancellation.workflow import TEMPLATE
from steps.core.errors import Exit
from steps.domain.push import ZERO_SHA
from steps.domain.record import LabelOutcome, Phase
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction
from tests.doubles.github import fail as github_fails
from tests.doubles.platform.runs import REX
from tests.schemas.validate import validate
from tests.support.harness import DEFAULTS, NEW, NEWER, REPOSITORY, TOKEN, Scene
from tests.support.scenarios import AGENTS, MOVED, check_done, done, failed, found, interrupted, pushed


@pytest.mark.parametrize("how", ["terminated", "deleted"])
def test_the_record_of_an_interrupted_workflow_is_finished_without_a_further_push(scene: Scene, how: str) -> None:
    interrupted(scene, how)
    assert found(scene.reconcile()) == []
    scene.later(301)
    assert found(scene.reconcile()) == [(FindingKind.STUCK, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_failed_record_without_a_workflow_is_finished(scene: Scene) -> None:
    failed(scene)
    assert found(scene.reconcile()) == [(FindingKind.FAILED, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_repair_has_only_fields_that_secure_mode_permits(scene: Scene) -> None:
    failed(scene)
    scene.reconcile()
    (repair,) = scene.repairs()
    sent = {key: repair[key] for key in ("apiVersion", "kind", "metadata", "spec")}
    assert validate(sent) == []
    assert set(repair["spec"]) == {"workflowTemplateRef", "priority", "arguments"}
    assert repair["spec"]["workflowTemplateRef"] == {"name": TEMPLATE}
    values = {each["name"]: each["value"] for each in repair["spec"]["arguments"]["parameters"]}
    assert (values["reason"], values["requested-by"], values["sha"]) == ("reconcile", "reconcile", NEW)


def test_an_active_task_is_left_alone(scene: Scene) -> None:
    failed(scene)
    scene.reconcile()
    scene.later(299)
    assert found(scene.reconcile()) == [], "the repair may still begin"
    scene.later(100)
    assert found(scene.reconcile()) == [(FindingKind.NOT_STARTED, RepairAction.REPORT)]
    assert len(scene.repairs()) == 1


# Finished records with a problem.


def test_a_stale_run_under_a_finished_record_is_stopped(scene: Scene) -> None:
    exempt = scene.agent(agent=REX)["metadata"]["name"]
    hidden = scene.agent(labels={"task-id": "700"})["metadata"]["name"]
    scene.later(5)
    done(scene)
    scene.later(2)
    newer = scene.agent()["metadata"]["name"]
    scene.later(5)
    assert found(scene.reconcile()) == []
    scene.api.patch("coderuns", hidden, {"metadata": {"labels": {"task-id": "7"}}}, namespace=AGENTS)
    assert found(scene.reconcile()) == [(FindingKind.LIVE_STALE, RepairAction.REOPEN)]
    record = scene.record()
    assert (record.phase, record.errors[-1][:26]) == (Phase.FAILED, "reconcile: live-stale-run:")
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.runs() == {exempt, newer}
    assert found(scene.reconcile()) == []


def test_a_push_with_the_skip_label_is_not_repaired(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.github.edit_labels(1, add=["skip-automation"])
    done(scene)
    scene.later(600)
    assert found(scene.reconcile()) == []
    assert scene.runs() == {name}


def test_labels_that_did_not_move_during_an_outage_are_moved(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.fault(github_fails(503), method="GET", times=5)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.record().labels is LabelOutcome.UNREADABLE
    scene.later(60)
    assert found(scene.reconcile()) == [(FindingKind.HALF_MOVED, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_agents_that_only_the_lost_push_makes_stale_are_stopped_with_the_labels(scene: Scene) -> None:
    pushed(scene)
    workflow = scene.workflow()
    scene.later(3)
    between = scene.agent()["metadata"]["name"]
    scene.later(3)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(workflow) is Exit.DONE
    assert (scene.record().labels, scene.runs()) == (LabelOutcome.HEAD_MOVED, {between})
    scene.later(125)
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.record().push.sha == NEWER
    assert scene.runs() == set()
    check_done(scene)


def test_labels_that_were_left_to_a_push_that_never_came_are_moved(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.github.push("task-7-work", NEWER, actor="a-person")
    assert scene.play(workflow) is Exit.DONE
    assert scene.record().labels is LabelOutcome.HEAD_MOVED
    assert found(scene.reconcile()) == [], "its webhook may still come"
    scene.later(121)
    assert found(scene.reconcile()) == [(FindingKind.HALF_MOVED, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.record().push.sha == NEWER
    check_done(scene)


# Pushes without a webhook.


def test_a_push_whose_webhook_never_came_is_found_in_githubs_activity(scene: Scene) -> None:
    scene.agent()
    scene.later(60)
    pushed(scene)
    scene.later(10)
    newer = scene.agent()["metadata"]["name"]
    assert found(scene.reconcile()) == []
    scene.later(121)
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.runs() == {newer}, "a run of the new code, started right after the push, is none of its business"
    assert set(scene.github.labels(1)) == MOVED
    assert found(scene.reconcile()) == []


def test_a_lost_push_after_one_that_came_is_found_as_well(scene: Scene) -> None:
    done(scene, NEW)
    scene.later(5)
    scene.agent()
    scene.later(60)
    pushed(scene, NEWER)
    scene.later(121)
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.record().push.sha == NEWER
    check_done(scene)


@pytest.mark.parametrize("before", ["", ZERO_SHA], ids=["known", "created the branch"])
def test_a_branch_that_was_forced_back_to_the_recorded_commit_is_found(scene: Scene, before: str) -> None:
    """The webhooks of both pushes were lost, so the newest commit is the recorded one."""
    pushed(scene)
    assert scene.play(scene.workflow(before=before)) is Exit.DONE
    scene.later(100)
    pushed(scene, NEWER)
    scene.later(5)
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW, forced=True)
    scene.later(10)
    newer = scene.agent()["metadata"]["name"]
    assert found(scene.reconcile()) == [], "its webhook may still come"
    scene.later(121)
    assert found(scene.reconcile()) == [(FindingKind.LOST_PUSH, RepairAction.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.runs() == {newer}
    assert (scene.record().push.sha, scene.record().push.before) == (NEW, NEWER)
    assert found(scene.reconcile()) == []


@pytest.mark.parametrize("reason", ["a person pushed", "no agent works", "agents are newer", "other branch"])
def test_a_push_that_makes_no_agent_stale_is_not_lost(scene: Scene, reason: str) -> None:
    if reason not in ("no agent works", "agents are newer"):
        scene.agent()
    scene.later(60)
    branch = "main" if reason == "other branch" else "task-7-work"
    scene.github.push(branch, NEW, actor="a-person" if reason == "a person pushed" else "5DLabs-Rex[bot]")
    if reason == "agents are newer":
        scene.later(5)
        scene.agent()
    scene.later(300)
    assert found(scene.reconcile()) == []


def test_github_is_asked_twice_for_each_repository_with_agents_at_work(scene: Scene) -> None:
    for task in range(1, 6):
        scene.agent(task=task)
    scene.later(300)
    scene.reconcile()
    assert [call.path for call in scene.github.calls] == [f"/repos/{REPOSITORY}/activity", f"/repos/{REPOSITORY}/pulls"]
    scene.github.calls.clear()
    scene.reconcile_settings = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, ask_github=False))
    scene.reconcile()
    assert scene.github.calls == []


@pytest.mark.parametrize(
    ("permissions", "gone", "problem"),
    [
        ({"metadata": "read", "pull_requests": "write"}, False, "read access to contents"),
        ({}, True, "correct events.repositories"),
    ],
)
def test_a_github_that_refuses_does_not_block_other_repairs(
    scene: Scene, permissions: dict[str, str], problem: str, *, gone: bool
) -> None:
    interrupted(scene)
    scene.agent(task=8)
    scene.later(301)
    if gone:
        scene.github.delete_repository(REPOSITORY)
    else:
        scene.github.world.repositories[REPOSITORY].private = True
        scene.github.add_token(TOKEN, permissions=permissions, repositories=[REPOSITORY])
    assert found(scene.reconcile()) == [(FindingKind.STUCK, RepairAction.SUBMIT)]
    assert any(problem in str(event.get("problem")) for event in scene.events())

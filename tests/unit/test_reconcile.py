"""What went wrong anyway is found by a pass and finished by what the pass submits, on the doubles, from end to end."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from steps import tries
from steps.cancel import cancel
from steps.errors import Exit, ForbiddenError
from steps.events import Reason
from steps.findings import Kind
from steps.hold import RECORD
from steps.lease import lease_name
from steps.plan import Action, Intent
from steps.push import TaskId
from steps.reconcile import reconcile, sweep_once
from steps.record import Labels, Phase, dump
from steps.state import EPOCH
from steps.workflow import TEMPLATE, workflow
from tests.doubles import argo_controller
from tests.doubles.github import fail as github_fails
from tests.doubles.github.faults import Plan
from tests.doubles.kubernetes import Fault
from tests.doubles.platform.runs import REX
from tests.scene import DEFAULTS, NEW, NEWER, OLD, REPOSITORY, TOKEN, Scene
from tests.schemas.validate import validate

HOME, AGENTS = DEFAULTS.namespaces.workflows, DEFAULTS.namespaces.agents
MOVED = {"remediation-in-progress", "task-7", "team-a"}


def found(intents: tuple[Intent, ...]) -> list[tuple[Kind, Action]]:
    return [(intent.finding.kind, intent.action) for intent in intents]


def pushed(scene: Scene, sha: str = NEW) -> None:
    scene.github.push("task-7-work", sha)


def put_state(scene: Scene, text: str, *, task: int = 7, **more: str) -> None:
    metadata = {"name": f"task-{task}-state", "namespace": AGENTS}
    data = {"state.json": text, **more}
    scene.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def state(scene: Scene) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["data"]["state.json"]
    )
    return document


def put_record(scene: Scene, **changes: Any) -> None:  # noqa: ANN401 - passed on
    """Change the task's record by hand."""
    text = dump(replace(scene.record(), **changes))
    patch = {"metadata": {"annotations": {RECORD: text}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)


def interrupted(scene: Scene, how: str = "terminated") -> None:
    """A push whose Workflow ends while its pod waits: no exit hook runs, the record stays in progress."""
    scene.agent()
    scene.later(5)
    pushed(scene)
    workflow = scene.workflow()
    scene.step(cancel, workflow, pod="interrupted")
    if how == "deleted":
        scene.api.delete("workflows", workflow.name, namespace=HOME)
        scene.api.delete("pods", "interrupted", namespace=HOME, gracePeriodSeconds=0)
    else:
        scene.end_pod("interrupted", phase="Failed")
        scene.argo.mark(workflow.name, argo_controller.FAILED)


def failed(scene: Scene) -> None:
    """A push whose workflow failed for good."""
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.fault(github_fails(503), method="GET", times=100)
    assert scene.play(scene.workflow()) is Exit.TRY_AGAIN
    scene.github.plan = Plan()  # GitHub is back
    scene.later(1)


def check_done(scene: Scene) -> None:
    assert scene.runs() == set()
    assert set(scene.github.labels(1)) == MOVED
    record = scene.record()
    assert (record.phase, record.labels) == (Phase.COMPLETED, Labels.MOVED)
    assert scene.lease()["spec"]["holderIdentity"] == ""
    assert found(scene.reconcile()) == []
    assert tries.read(scene.lease()["metadata"]).count == 0


@pytest.mark.parametrize("how", ["terminated", "deleted"])
def test_an_interrupted_workflows_record_is_finished_without_a_further_push(scene: Scene, how: str) -> None:
    interrupted(scene, how)
    assert found(scene.reconcile()) == []
    scene.later(301)
    assert found(scene.reconcile()) == [(Kind.STUCK, Action.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_failed_record_that_no_workflow_goes_on_with_is_finished(scene: Scene) -> None:
    failed(scene)
    assert found(scene.reconcile()) == [(Kind.FAILED, Action.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_repair_brings_nothing_that_the_secure_mode_refuses(scene: Scene) -> None:
    failed(scene)
    scene.reconcile()
    (repair,) = scene.repairs()
    sent = {key: repair[key] for key in ("apiVersion", "kind", "metadata", "spec")}
    assert validate(sent) == []
    assert set(repair["spec"]) == {"workflowTemplateRef", "priority", "arguments"}
    assert repair["spec"]["workflowTemplateRef"] == {"name": TEMPLATE}
    values = {each["name"]: each["value"] for each in repair["spec"]["arguments"]["parameters"]}
    assert (values["reason"], values["requested-by"], values["sha"]) == ("reconcile", "reconcile", NEW)


def test_a_task_somebody_works_on_is_left_alone(scene: Scene) -> None:
    failed(scene)
    scene.reconcile()
    scene.later(400)
    assert found(scene.reconcile()) == [], "the repair is still under way"
    assert len(scene.repairs()) == 1


# What was finished, but not well.


def done(scene: Scene, sha: str = NEW) -> None:
    pushed(scene, sha)
    assert scene.play(scene.workflow(sha=sha)) is Exit.DONE


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
    assert found(scene.reconcile()) == [(Kind.LIVE_STALE, Action.REOPEN)]
    record = scene.record()
    assert (record.phase, record.errors[-1][:26]) == (Phase.FAILED, "reconcile: live-stale-run:")
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.runs() == {exempt, newer}
    assert found(scene.reconcile()) == []


def test_what_a_skip_label_stopped_stays_stopped(scene: Scene) -> None:
    name = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.github.edit_labels(1, add=["skip-automation"])
    done(scene)
    scene.later(600)
    assert found(scene.reconcile()) == []
    assert scene.runs() == {name}


def test_labels_that_stayed_because_github_was_down_are_moved(scene: Scene) -> None:
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.github.fault(github_fails(503), method="GET", times=5)
    assert scene.play(scene.workflow()) is Exit.DONE
    assert scene.record().labels is Labels.UNREADABLE
    scene.later(60)
    assert found(scene.reconcile()) == [(Kind.HALF_MOVED, Action.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_agents_that_are_stale_only_for_the_push_that_never_came_are_stopped_with_the_labels(scene: Scene) -> None:
    pushed(scene)
    workflow = scene.workflow()
    scene.later(3)
    between = scene.agent()["metadata"]["name"]
    scene.later(3)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(workflow) is Exit.DONE
    assert (scene.record().labels, scene.runs()) == (Labels.HEAD_MOVED, {between})
    scene.later(125)
    assert found(scene.reconcile()) == [(Kind.LOST_PUSH, Action.SUBMIT)]
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
    assert scene.record().labels is Labels.HEAD_MOVED
    assert found(scene.reconcile()) == [], "its webhook may still come"
    scene.later(121)
    assert found(scene.reconcile()) == [(Kind.HALF_MOVED, Action.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.record().push.sha == NEWER
    check_done(scene)


# Pushes whose webhook never came.


def test_a_push_whose_webhook_never_came_is_found_by_what_github_knows(scene: Scene) -> None:
    scene.agent()
    scene.later(60)
    pushed(scene)
    scene.later(10)
    newer = scene.agent()["metadata"]["name"]
    assert found(scene.reconcile()) == []
    scene.later(121)
    assert found(scene.reconcile()) == [(Kind.LOST_PUSH, Action.SUBMIT)]
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
    assert found(scene.reconcile()) == [(Kind.LOST_PUSH, Action.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    assert scene.record().push.sha == NEWER
    check_done(scene)


@pytest.mark.parametrize("why", ["a person pushed", "no agent works", "agents are newer", "deleted", "other branch"])
def test_a_push_that_makes_no_agent_stale_is_not_lost(scene: Scene, why: str) -> None:
    if why not in ("no agent works", "agents are newer"):
        scene.agent()
    scene.later(60)
    sha = "0" * 40 if why == "deleted" else NEW
    branch = "main" if why == "other branch" else "task-7-work"
    scene.github.push(branch, sha, actor="a-person" if why == "a person pushed" else "5DLabs-Rex[bot]")
    if why == "agents are newer":
        scene.later(5)
        scene.agent()
    scene.later(300)
    assert found(scene.reconcile()) == []


def test_github_is_asked_once_for_each_repository_with_agents_at_work(scene: Scene) -> None:
    for task in range(1, 6):
        scene.agent(task=task)
    scene.later(300)
    scene.reconcile()
    assert [call.path for call in scene.github.calls] == [f"/repos/{REPOSITORY}/activity"]
    scene.github.calls.clear()
    scene.rules = replace(DEFAULTS, reconcile=replace(DEFAULTS.reconcile, ask_github=False))
    scene.reconcile()
    assert scene.github.calls == []


@pytest.mark.parametrize(
    ("permissions", "gone", "told"),
    [
        ({"metadata": "read", "pull_requests": "write"}, False, "read access to contents"),
        ({}, True, "was it renamed"),
    ],
)
def test_a_github_that_refuses_keeps_nothing_else_from_being_mended(
    scene: Scene, permissions: dict[str, str], told: str, *, gone: bool
) -> None:
    interrupted(scene)
    scene.agent(task=8)
    scene.later(301)
    if gone:
        scene.github.delete_repository(REPOSITORY)
    else:
        scene.github.world.repositories[REPOSITORY].private = True
        scene.github.add_token(TOKEN, permissions=permissions, repositories=[REPOSITORY])
    assert found(scene.reconcile()) == [(Kind.STUCK, Action.SUBMIT)]
    assert any(told in str(event.get("problem")) for event in scene.events())


# Locks, flags, documents, records.


def test_a_lock_whose_holder_is_gone_is_freed(scene: Scene) -> None:
    done(scene)
    name = scene.lease()["metadata"]["name"]
    scene.api.patch("leases", name, {"spec": {"holderIdentity": "w/u/gone"}}, namespace=HOME)
    scene.later(61)
    assert found(scene.reconcile()) == [(Kind.ORPHANED_LOCK, Action.FREE)]
    check_done(scene)


def test_a_lock_whose_holder_is_alive_is_left_for_as_long_as_that_gives_signs_of_life(scene: Scene) -> None:
    done(scene)
    context = scene.context(scene.workflow(), pod="alive")
    patch = {"spec": {"holderIdentity": str(context.holder)}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)
    scene.argo.mark(context.workflow, argo_controller.SUCCEEDED)
    scene.later(290)
    assert found(scene.reconcile()) == []
    scene.later(20)
    assert found(scene.reconcile()) == [(Kind.ORPHANED_LOCK, Action.FREE)], "it has not renewed for five minutes"


@pytest.mark.parametrize("leased", [True, False])
def test_a_flag_that_nobody_stands_behind_is_cleared(scene: Scene, *, leased: bool) -> None:
    if leased:
        done(scene)
    put_state(scene, json.dumps({"cancellation_in_progress": True, "kept": [1]}))
    assert found(scene.reconcile()) == [(Kind.STRAY_FLAG, Action.CLEAR)]
    assert (state(scene)["cancellation_in_progress"], state(scene)["kept"]) == (False, [1])
    assert found(scene.reconcile()) == []
    if leased:
        check_done(scene)


def test_the_flag_of_a_cancellation_that_goes_on_is_left(scene: Scene) -> None:
    put_state(scene, "{}")
    scene.agent()
    scene.later(5)
    pushed(scene)
    scene.step(cancel, scene.workflow(), pod="working")
    scene.later(600)
    assert found(scene.reconcile()) == []
    assert state(scene)["cancellation_in_progress"] is True


def test_a_corrupt_document_is_copied_aside_once_and_reported_until_it_is_corrected(scene: Scene) -> None:
    put_state(scene, "{corrupt")
    assert found(scene.reconcile()) == [(Kind.CORRUPT_STATE, Action.SET_ASIDE)]
    stored = scene.api.get("configmaps", "task-7-state", namespace=AGENTS)
    assert stored["data"] == {"state.json": "{corrupt", "state.json.quarantine": "{corrupt"}
    assert found(scene.reconcile()) == [(Kind.CORRUPT_STATE, Action.REPORT)]
    after = scene.api.get("configmaps", "task-7-state", namespace=AGENTS)
    assert after["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 99}'])
def test_an_unreadable_record_calls_a_person_once_and_says_what_to_do(scene: Scene, text: str) -> None:
    done(scene)
    patch: dict[str, Any] = {"metadata": {"annotations": {RECORD: text}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)
    assert found(scene.reconcile()) == [(Kind.UNREADABLE_RECORD, Action.HAND_OVER)]
    assert scene.lease()["metadata"]["labels"][tries.ATTENTION] == "true"
    assert scene.lease()["metadata"]["annotations"][RECORD] == text
    assert found(scene.reconcile()) == [(Kind.UNREADABLE_RECORD, Action.REPORT)]
    (event,) = scene.told(Reason.NEEDS_ATTENTION)
    assert (event["involvedObject"]["kind"], event["reason"], event["type"]) == ("Lease", "NeedsAttention", "Warning")
    assert "delete its annotation" in event["message"]


def test_a_record_that_was_copied_to_another_tasks_lease_is_not_acted_on(scene: Scene) -> None:
    failed(scene)
    lease = scene.lease()
    metadata = lease["metadata"] | {"name": "cancel-copied"}
    scene.api.create(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {key: metadata[key] for key in ("name", "namespace", "labels", "annotations")},
            "spec": lease["spec"],
        }
    )
    assert found(scene.reconcile()) == [
        (Kind.FAILED, Action.SUBMIT),
        (Kind.UNREADABLE_RECORD, Action.HAND_OVER),
    ]
    assert len(scene.repairs()) == 1


def test_a_holders_clock_an_hour_ahead_is_reported_and_holds_nothing_up(scene: Scene) -> None:
    interrupted(scene)
    ahead = {"spec": {"renewTime": "2026-03-01T13:00:00.000000Z"}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], ahead, namespace=HOME)
    scene.later(320)
    assert found(scene.reconcile()) == [(Kind.STUCK, Action.SUBMIT), (Kind.WRONG_CLOCK, Action.REPORT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_this_pods_own_clock_decides_nothing(scene: Scene) -> None:
    interrupted(scene)
    sweep = scene.sweep()
    scene.clock.jump(3600)
    assert found(sweep_once(sweep).intents) == []


# What changes between the look and the repair.


def test_a_record_that_changed_since_it_was_found_is_not_reopened(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    scene.github.edit_labels(1, add=["skip-automation"])
    done(scene)
    put_record(scene, labels=Labels.MOVED)
    newer = {"labels": Labels.SKIPPED, "attempts": 9}
    scene.api.faults.add(Fault(method="GET", path="/leases/", before=lambda _: put_record(scene, **newer)))
    assert found(scene.reconcile()) == [(Kind.LIVE_STALE, Action.REOPEN)]
    assert (scene.record().phase, scene.record().attempts) == (Phase.COMPLETED, 9)
    assert scene.repairs() == []


def test_a_lock_that_was_taken_since_it_was_found_is_not_freed(scene: Scene) -> None:
    done(scene)
    name = scene.lease()["metadata"]["name"]
    scene.api.patch("leases", name, {"spec": {"holderIdentity": "w/u/gone"}}, namespace=HOME)
    scene.later(61)
    taken = {"spec": {"holderIdentity": "w/u/new", "leaseTransitions": 9}}
    scene.api.faults.add(
        Fault(method="GET", path="/leases/", before=lambda _: scene.api.patch("leases", name, taken, namespace=HOME))
    )
    assert found(scene.reconcile()) == [(Kind.ORPHANED_LOCK, Action.FREE)]
    assert scene.lease()["spec"]["holderIdentity"] == "w/u/new"


def test_a_try_whose_count_got_no_answer_is_counted_once(scene: Scene) -> None:
    failed(scene)
    scene.api.faults.add(Fault(method="PUT", path="/leases/", lose="reply"))
    scene.reconcile()
    assert tries.read(scene.lease()["metadata"]).count == 1


# Limits.


def broken_tasks(scene: Scene, number: int) -> None:
    """So many tasks whose record has failed."""
    failed(scene)
    lease = scene.lease()
    record = scene.record()
    for task in range(100, 100 + number - 1):
        push = replace(record.push, task=TaskId(str(task)), ref=f"refs/heads/task-{task}-work")
        metadata = {
            "name": lease_name(repository=push.repository, task=push.task),
            "namespace": HOME,
            "labels": lease["metadata"]["labels"] | {"agent-cancellation/task": str(task)},
            "annotations": {RECORD: dump(replace(record, push=push))},
        }
        scene.api.create(
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": lease["spec"]}
        )


def test_no_more_repairs_than_allowed_are_under_way_and_in_the_end_all_are_done(scene: Scene) -> None:
    broken_tasks(scene, 25)
    for left in (25, 15, 5):
        intents = scene.reconcile()
        assert len(intents) == left
        assert len(scene.repairs()) == min(10, left)
        assert [intent.action for intent in scene.reconcile()] == [Action.WAIT] * max(0, left - 10)
        assert set(scene.run_repairs()) == {Exit.DONE}
    assert scene.reconcile() == ()


def test_a_task_that_cannot_be_mended_is_tried_with_pauses_and_then_left_to_a_person(scene: Scene) -> None:
    failed(scene)
    scene.github.delete_repository(REPOSITORY)
    submitted_at: list[float] = []
    while not scene.told(Reason.NEEDS_ATTENTION):
        now = scene.clock.monotonic()
        if found(scene.reconcile()) == [(Kind.FAILED, Action.SUBMIT)]:
            submitted_at.append(now)
            assert scene.run_repairs() == [Exit.BAD_INPUT]
        scene.later(1)
        assert now < 5000
    pauses = [later - earlier for earlier, later in itertools.pairwise(submitted_at)]
    assert pauses == [pytest.approx(pause, abs=1.5) for pause in (60, 120, 240, 480)]
    assert tries.is_handed_over(scene.lease()["metadata"])
    assert found(scene.reconcile()) == [(Kind.FAILED, Action.REPORT)]
    assert [event["finding"] for event in scene.events() if event.get("event") == "needs attention"] == ["failed"]

    patch = {"metadata": {"labels": {tries.ATTENTION: None}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], patch, namespace=HOME)
    assert found(scene.reconcile()) == [(Kind.FAILED, Action.SUBMIT)], "whoever removes the label gives it a new chance"


def test_an_outage_of_github_calls_nobody_and_is_made_good_when_it_is_over(scene: Scene) -> None:
    failed(scene)
    scene.github.fault(github_fails(503), times=1e9)
    for _ in range(7):
        scene.clock.jump(1000)
        assert found(scene.reconcile()) == [(Kind.FAILED, Action.SUBMIT)]
        assert scene.run_repairs() == [Exit.TRY_AGAIN]
        assert found(scene.reconcile()) == [(Kind.FAILED, Action.WAIT)]
    assert scene.told(Reason.NEEDS_ATTENTION) == []
    scene.github.plan = Plan()
    scene.clock.jump(1000)
    assert found(scene.reconcile()) == [(Kind.FAILED, Action.SUBMIT)]
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_document_that_cannot_be_written_keeps_no_cancellation_from_being_finished(scene: Scene) -> None:
    failed(scene)
    put_state(scene, "{" + "x" * 700_000)
    for _ in range(7):
        kinds = found(scene.reconcile())
        assert (Kind.CORRUPT_STATE, Action.SET_ASIDE) in kinds
        scene.run_repairs()
    assert scene.record().phase is Phase.COMPLETED
    assert not tries.is_handed_over(scene.lease()["metadata"])
    assert tries.read(scene.lease()["metadata"]).count == 0
    assert any(event.get("error") == "TooLargeError" for event in scene.events())


def terminate_repairs(scene: Scene) -> list[str]:
    """A person terminates every repair before it has begun: no step of it ever runs; their names."""
    names = [each["metadata"]["name"] for each in scene.repairs()]
    for name in names:
        scene.argo.mark(name, argo_controller.FAILED)
    return names


def test_a_lost_push_whose_repair_never_began_is_tried_again_and_then_left_to_a_person(scene: Scene) -> None:
    """The task has no Lease that a step could have written to: reconcile makes one to count on."""
    stale = scene.agent()["metadata"]["name"]
    scene.later(3)
    scene.github.push("task-7-work", NEW)
    scene.later(200)
    names: list[str] = []
    for _ in range(DEFAULTS.reconcile.tries):
        scene.clock.jump(1000)
        assert found(scene.reconcile()) == [(Kind.LOST_PUSH, Action.SUBMIT)]
        names += terminate_repairs(scene)
    scene.clock.jump(1000)
    assert found(scene.reconcile()) == [(Kind.LOST_PUSH, Action.HAND_OVER)]
    assert len(set(names)) == DEFAULTS.reconcile.tries, "each try is a Workflow of its own"
    assert found(scene.reconcile()) == [(Kind.LOST_PUSH, Action.REPORT)]
    assert scene.runs() == {stale}
    (event,) = scene.api.list("events", namespace=HOME)
    assert event["involvedObject"]["uid"] == scene.lease()["metadata"]["uid"]

    # Somebody mends it and removes the label: it gets as many tries again.
    without = {"metadata": {"labels": {tries.ATTENTION: None}}}
    scene.api.patch("leases", scene.lease()["metadata"]["name"], without, namespace=HOME)
    assert found(scene.reconcile()) == [(Kind.LOST_PUSH, Action.SUBMIT)]
    (name,) = (each["metadata"]["name"] for each in scene.repairs())
    assert name not in names
    assert scene.run_repairs() == [Exit.DONE]
    check_done(scene)


def test_a_lease_that_was_only_made_to_count_on_is_deleted_like_any_other(scene: Scene) -> None:
    run = scene.agent()["metadata"]["name"]
    scene.later(3)
    scene.github.push("task-7-work", NEW)
    scene.later(200)
    scene.reconcile()
    terminate_repairs(scene)
    scene.api.delete("coderuns", run, namespace=AGENTS)
    scene.later(60)
    assert found(scene.reconcile()) == []
    assert tries.read(scene.lease()["metadata"]).count == 0
    scene.clock.jump(31 * 86400)
    scene.reconcile()
    assert scene.api.list("leases", namespace=HOME) == []


def test_a_task_that_cannot_be_mended_does_not_keep_the_others_from_it(scene: Scene) -> None:
    broken_tasks(scene, 3)
    scene.api.faults.add(Fault(method="POST", path="/workflows", status=422, reason="Invalid"))
    assert found(scene.reconcile()) == [(Kind.FAILED, Action.SUBMIT)] * 3
    assert len(scene.repairs()) == 2
    assert [event["task"] for event in scene.events() if event.get("event") == "task could not be mended now"] == ["7"]


def test_a_bug_in_one_tasks_repair_does_not_keep_the_others_from_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_tasks(scene, 3)
    names = iter(["first"])

    def buggy(*given: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        if next(names, ""):
            raise KeyError("a secret payload")
        return workflow(*given, **more)

    monkeypatch.setattr("steps.repair.workflow", buggy)
    scene.reconcile()
    assert len(scene.repairs()) == 2
    assert "a secret payload" not in scene.output.getvalue()
    assert any(event.get("error") == "KeyError" and event["where"] for event in scene.events())


@pytest.mark.parametrize("kind", ["coderuns", "configmaps"])
def test_what_cannot_be_listed_is_said_and_the_rest_is_mended(scene: Scene, kind: str) -> None:
    interrupted(scene)
    scene.later(301)
    scene.api.faults.add(Fault(method="GET", path=f"/{kind}\\?", status=403, reason="Forbidden", times=0))
    assert found(scene.reconcile()) == [(Kind.STUCK, Action.SUBMIT)]
    assert any("could not be read" in event.get("event", "") for event in scene.events())


@pytest.mark.parametrize("kind", ["leases", "workflows", "pods"])
def test_without_leases_workflows_or_pods_nothing_is_judged(scene: Scene, kind: str) -> None:
    interrupted(scene)
    scene.later(301)
    scene.api.faults.add(Fault(method="GET", path=f"/{kind}\\?", status=403, reason="Forbidden", times=0))
    with pytest.raises(ForbiddenError):
        scene.reconcile()
    assert scene.repairs() == []


def test_a_dry_run_writes_nothing(scene: Scene) -> None:
    broken_tasks(scene, 3)
    put_state(scene, "{corrupt", task=100)
    scene.api.calls.clear()
    kinds = [intent.finding.kind for intent in scene.reconcile(dry_run=True)]
    assert kinds == [Kind.FAILED] * 3 + [Kind.CORRUPT_STATE]
    assert {call.method for call in scene.api.calls} == {"GET"}


def test_a_pass_makes_one_list_of_each_kind_however_many_tasks_there_are(scene: Scene) -> None:
    broken_tasks(scene, 30)
    for task in range(100, 130):
        put_state(scene, "{}", task=task)
        scene.agent(task=task)
    scene.api.calls.clear()
    scene.reconcile(dry_run=True)
    kinds = sorted(call.path.rpartition("/")[2] for call in scene.api.calls if "continue" not in call.query)
    assert kinds == ["coderuns", "configmaps", "leases", "pods", "workflows"]


def test_a_pod_makes_two_passes_half_a_minute_apart_and_is_gone_within_the_minute(scene: Scene) -> None:
    began = scene.clock.monotonic()
    reconcile(scene.sweep())
    assert sum(event.get("event") == "pass done" for event in scene.events()) == 2
    assert scene.clock.monotonic() - began == 30


def test_a_pass_that_takes_too_long_is_the_only_one_of_its_minute(scene: Scene) -> None:
    sweep = scene.sweep()
    scene.api.faults.add(Fault(method="GET", path="/leases", before=lambda _: scene.later(35)))
    reconcile(sweep)
    assert sum(event.get("event") == "pass done" for event in scene.events()) == 1


# Retention.


def idle(scene: Scene) -> None:
    scene.clock.jump(31 * 86400)


def test_an_idle_tasks_lease_is_deleted_and_a_later_push_writes_its_state_again(scene: Scene) -> None:
    put_state(scene, "{}")
    for sha in (OLD, NEW):
        scene.agent()
        scene.later(5)
        done(scene, sha)
        scene.later(5)
    assert scene.lease()["spec"]["leaseTransitions"] == 2
    assert found(scene.reconcile()) == []
    assert scene.api.list("leases", namespace=HOME)
    idle(scene)
    assert found(scene.reconcile()) == []
    assert scene.api.list("leases", namespace=HOME) == []
    scene.agent()
    scene.later(5)
    done(scene, NEWER)
    assert scene.lease()["spec"]["leaseTransitions"] == 1
    assert state(scene)["cancellation_in_progress"] is False
    assert scene.api.get("configmaps", "task-7-state", namespace=AGENTS)["metadata"]["annotations"][EPOCH] == "1"


@pytest.mark.parametrize("why", ["live run", "failed", "handed over", "held", "busy", "taken meanwhile", "runs unread"])
def test_a_lease_that_somebody_may_need_is_kept(scene: Scene, why: str) -> None:
    done(scene)
    name = scene.lease()["metadata"]["name"]
    idle(scene)
    match why:
        case "live run":
            scene.agent()
        case "failed":
            put_record(scene, phase=Phase.FAILED)
        case "handed over":
            scene.api.patch("leases", name, {"metadata": {"labels": {tries.ATTENTION: "true"}}}, namespace=HOME)
        case "held":
            scene.api.patch("leases", name, {"spec": {"holderIdentity": "w/u/p"}}, namespace=HOME)
        case "busy":
            scene.workflow()
        case "taken meanwhile":
            touch = {"metadata": {"annotations": {"touched": "yes"}}}
            scene.api.faults.add(
                Fault(method="DELETE", before=lambda _: scene.api.patch("leases", name, touch, namespace=HOME))
            )
        case _:
            scene.api.faults.add(Fault(method="GET", path="/coderuns", status=403, reason="Forbidden"))
    scene.reconcile()
    assert scene.lease()["metadata"]["name"] == name

"""Workflows that wait for a task's lock: which ones the finished step ends, and which it never ends."""

from __future__ import annotations

from itertools import count, pairwise
from typing import Any

import pytest

from steps.cancel import cancel
from steps.cancellation.workflow import SUPERSEDED_BY
from steps.core.errors import Exit
from steps.domain.push import COMMAND_REASON, MANUAL_ALL_REASON, MANUAL_REASON, ZERO_SHA
from steps.domain.record import Phase
from steps.telemetry.audit import WriteCause
from tests.doubles import argo_controller
from tests.doubles.github import fail as github_fails
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, Workflow, ago
from tests.support.scene.workflow import parameters
from tests.support.waiting_workflows import HOME, phase, superseded_by

pytestmark = pytest.mark.usefixtures("alone", "no_place_is_left")


def play_newest(scene: Scene) -> Workflow:
    scene.github.push("task-7-work", NEWER)
    newest = scene.workflow(sha=NEWER)
    assert scene.play(newest) is Exit.DONE
    return newest


def test_superseded_waiting_workflows_are_ended_and_labelled(scene: Scene) -> None:
    older = [scene.workflow(pushed_at=ago(scene.clock, seconds)) for seconds in (9, 5, 1)]
    newest = play_newest(scene)
    assert [phase(scene, each) for each in older] == ["Failed"] * 3
    assert {superseded_by(scene, each) for each in older} == {newest.name}


def test_the_log_names_all_ended_workflows_including_one_that_took_two_attempts(scene: Scene) -> None:
    older = [scene.workflow(pushed_at=ago(scene.clock, seconds)).name for seconds in (9, 5)]
    waits = Fault(
        method="PATCH",
        path=f"/workflows/{older[1]}",
        before=lambda _: scene.argo.mark(older[1], argo_controller.PENDING, message="Waiting for the lock"),
    )
    scene.api.faults.add(waits)
    newest = play_newest(scene)
    (line,) = [line for line in scene.events() if line["event"].startswith("superseded waiting workflows ended")]
    assert (line["workflows"], line["by"]) == (older, NEWER)
    writes = [line for line in scene.events() if line.get("cause") == WriteCause.ANSWERED]
    assert {line["detail"] for line in writes} == {f"by {newest.name}"}


def test_a_workflow_that_is_already_ending_is_not_ended_again(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    ending = Fault(
        method="GET",
        path="/workflows",
        before=lambda _: scene.api.patch("workflows", older.name, {"spec": {"shutdown": "Stop"}}, namespace=HOME),
    )
    scene.api.faults.add(ending)
    play_newest(scene)
    assert superseded_by(scene, older) == ""


@pytest.mark.parametrize("helped", [True, False])
def test_n_pushes_to_one_task_take_two_executions(scene: Scene, *, helped: bool) -> None:
    if helped:
        scene.settings = DEFAULTS
    scene.agent()
    scene.later(5)
    scene.github.push("task-7-work", NEW)
    first = scene.workflow()
    rest: list[Workflow] = []

    def arrive(_: object) -> None:
        scene.later(1)
        while len(rest) < 24:
            scene.later(0.5)
            rest.append(scene.workflow(sha=f"{len(rest) + 2:040x}"))
            scene.github.push("task-7-work", rest[-1].push.sha)

    scene.api.faults.add(Fault(method="DELETE", path="/coderuns/", after=arrive))
    assert scene.play(first) is Exit.DONE
    waiting = [each for each in rest if phase(scene, each) == "Pending"]
    assert waiting == (rest[-1:] if helped else rest), "the first push is older than every other: it supersedes none"
    assert scene.play(rest[-1]) is Exit.DONE
    assert {phase(scene, each) for each in rest[:-1]} == {"Failed"}
    assert scene.record().push.sha == rest[-1].push.sha


@pytest.mark.parametrize("why", ["no pull request", "skip label"])
def test_older_pushes_are_ended_too_if_the_labels_stayed(scene: Scene, why: str) -> None:
    """Otherwise each of a burst of pushes would start a pod, only to read the pull request again."""
    older = [scene.workflow(sha=f"{number:040x}", pushed_at=ago(scene.clock, 9 - number)) for number in range(1, 5)]
    if why == "no pull request":
        scene.github.close(1)
    else:
        scene.github.edit_labels(1, add=["skip-automation"])
    newest = play_newest(scene)
    assert {phase(scene, each) for each in older} == {"Failed"}
    assert scene.record().push.sha == newest.push.sha


def patches(scene: Scene, workflow: Workflow) -> list[tuple[float, Any]]:
    """When a Workflow was changed by the steps, in seconds, and what it was made to do."""
    calls = [call for call in scene.api.calls if call.method == "PATCH" and workflow.name in call.path]
    own = [call for call in calls if SUPERSEDED_BY in call.body["metadata"]["labels"]]
    return [(call.at.timestamp(), call.body.get("spec")) for call in own]


def test_a_workflow_is_ended_only_after_argo_has_recorded_what_it_waits_for(scene: Scene) -> None:
    """It came while no Workflow had the mutex: Argo records the wait when it processes the Workflow again."""
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    newest = play_newest(scene)
    (labelled, nothing), (ended, shutdown) = patches(scene, older)
    assert (nothing, shutdown) == (None, {"shutdown": "Terminate"})
    assert ended - labelled >= 10
    assert superseded_by(scene, older) == newest.name
    assert phase(scene, older) == "Failed"


def test_a_workflow_that_waits_for_the_mutex_is_ended_at_once(scene: Scene) -> None:
    scene.github.push("task-7-work", NEWER)
    newest = scene.workflow(sha=NEWER)
    scene.argo.mark(newest.name, argo_controller.RUNNING)
    older = scene.workflow(pushed_at=ago(scene.clock, 5), before=OLD)
    assert scene.play(newest) is Exit.DONE
    assert [shutdown for _, shutdown in patches(scene, older)] == [{"shutdown": "Terminate"}]


def test_nobody_waits_for_argo_while_a_newer_push_waits(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    scene.github.push("task-7-work", NEW)
    first = scene.workflow()
    scene.later(2)
    scene.workflow(sha=NEWER)
    began = scene.clock.monotonic()
    assert scene.play(first) is Exit.DONE
    assert scene.clock.monotonic() - began < 5
    assert (patches(scene, older), phase(scene, older)) == ([], "Pending")


def test_if_argo_records_nothing_the_workflow_is_left_and_the_cancellation_is_complete(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    scene.api.patch("workflows", older.name, {"metadata": {"labels": {"not": "seen"}}}, namespace=HOME)
    scene.argo.stopped = True
    newest = play_newest(scene)
    assert len(patches(scene, older)) == 1
    scene.argo.stopped = False
    assert (phase(scene, older), superseded_by(scene, older)) == ("Pending", newest.name)
    assert scene.record().phase is Phase.COMPLETED
    assert scene.play(older) is Exit.DONE


def test_a_superseded_push_ends_the_others_as_well(scene: Scene) -> None:
    pushed_at = ago(scene.clock, 5)
    play_newest(scene)
    late = [scene.workflow(pushed_at=pushed_at) for _ in range(3)]
    assert scene.play(late[0]) is Exit.DONE
    assert [phase(scene, each) for each in late] == ["Succeeded", "Failed", "Failed"]


def test_a_newer_push_another_task_and_a_dry_run_go_on(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    first = scene.workflow()
    scene.later(2)
    others = [
        scene.workflow(sha=NEWER),
        scene.workflow(task=8, pushed_at=ago(scene.clock, 60)),
        scene.workflow(repository="5dlabs/other", pushed_at=ago(scene.clock, 60)),
        scene.workflow(dry_run=True, pushed_at=ago(scene.clock, 60)),
    ]
    assert scene.play(first) is Exit.DONE
    assert {phase(scene, each) for each in others} == {"Pending"}


def test_a_workflow_that_has_started_continues(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    scene.argo.mark(older.name, argo_controller.RUNNING)
    play_newest(scene)
    assert phase(scene, older) == "Running"


def test_a_workflow_that_starts_at_the_same_moment_continues(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    begin = Fault(
        method="PATCH", path="/workflows/", before=lambda _: scene.argo.mark(older.name, argo_controller.RUNNING)
    )
    scene.api.faults.add(begin)
    play_newest(scene)
    assert phase(scene, older) == "Running"
    assert superseded_by(scene, older) == ""


def test_a_workflow_without_a_phase_is_ended_as_well(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    # The state of a new Workflow while the controller is seconds behind.
    change = {"metadata": {"labels": {argo_controller.PHASE: None}}, "status": None}
    unseen = Fault(
        method="GET",
        path="/workflows",
        before=lambda _: scene.api.patch("workflows", older.name, change, namespace=HOME),
    )
    scene.api.faults.add(unseen)
    newest = play_newest(scene)
    assert superseded_by(scene, older) == newest.name


def test_a_workflow_whose_status_changes_meanwhile_is_ended_in_a_later_round(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    scene.later(1)
    waits = Fault(
        method="PATCH",
        path="/workflows/",
        before=lambda _: scene.argo.mark(older.name, argo_controller.PENDING, message="Waiting for the lock"),
    )
    scene.api.faults.add(waits)
    play_newest(scene)
    assert phase(scene, older) == "Failed"


def changed_just_before(scene: Scene, workflow: Workflow, *, times: int) -> Fault:
    """Somebody changes a Workflow just before the steps do, that many times."""
    numbers = count()

    def change(_: object) -> None:
        annotations = {"anybody": str(next(numbers))}
        scene.api.patch("workflows", workflow.name, {"metadata": {"annotations": annotations}}, namespace=HOME)

    return Fault(method="PATCH", path=f"/workflows/{workflow.name}", before=change, times=times)


def waiting_behind(scene: Scene, *seconds: float) -> tuple[Workflow, list[Workflow]]:
    """A push that is being processed, and older ones whose wait Argo has recorded."""
    scene.github.push("task-7-work", NEWER)
    newest = scene.workflow(sha=NEWER)
    scene.argo.mark(newest.name, argo_controller.RUNNING)
    return newest, [scene.workflow(pushed_at=ago(scene.clock, each), before=OLD) for each in seconds]


def test_a_workflow_that_changes_meanwhile_is_ended_a_moment_later(scene: Scene) -> None:
    newest, (older, *_) = waiting_behind(scene, 5)
    scene.api.faults.add(changed_just_before(scene, older, times=2))
    assert scene.play(newest) is Exit.DONE
    times = [at for at, _ in patches(scene, older)]
    assert len(times) == 3
    assert all(0.4 <= later - sooner < 2 for sooner, later in pairwise(times))
    assert phase(scene, older) == "Failed"


def test_a_workflow_that_never_stops_changing_is_left_after_seconds(scene: Scene) -> None:
    newest, (changing, *others) = waiting_behind(scene, 9, 5, 1)
    scene.api.faults.add(changed_just_before(scene, changing, times=999))
    assert scene.play(newest) is Exit.DONE
    times = [at for at, _ in patches(scene, changing)]
    assert 10 < times[-1] - times[0] < 15
    (line,) = [line for line in scene.events() if line["event"].startswith("superseded waiting workflows ended")]
    assert set(line["workflows"]) == {each.name for each in others}


def test_the_log_names_the_workflows_of_every_round(scene: Scene) -> None:
    newest, (first, second, *_) = waiting_behind(scene, 9, 5)
    scene.api.faults.add(changed_just_before(scene, first, times=1))
    assert scene.play(newest) is Exit.DONE
    (line,) = [line for line in scene.events() if line["event"].startswith("superseded waiting workflows ended")]
    assert line["workflows"] == [second.name, first.name]


@pytest.mark.parametrize("reason", [MANUAL_REASON, MANUAL_ALL_REASON, COMMAND_REASON])
def test_a_persons_request_is_never_ended(scene: Scene, reason: str) -> None:
    newest, (older, *_) = waiting_behind(scene, 5)
    request = scene.workflow(pushed_at=ago(scene.clock, 5), before=OLD, reason=reason)
    assert scene.play(newest) is Exit.DONE
    assert (superseded_by(scene, older), superseded_by(scene, request)) == (newest.name, "")
    assert phase(scene, request) == "Pending"


def test_a_push_whose_commits_and_time_contradict_each_other_is_not_ended(scene: Scene) -> None:
    """It may be a branch that was forced back past a push that nobody recorded: its own steps ask GitHub."""
    scene.github.push("task-7-work", NEW)
    first = scene.workflow(sha=NEW, before=OLD)
    scene.argo.mark(first.name, argo_controller.RUNNING)
    back = scene.workflow(sha=OLD, before=NEWER, pushed_at=ago(scene.clock, -5))
    assert scene.play(first) is Exit.DONE
    assert (superseded_by(scene, back), phase(scene, back)) == ("", "Pending")


def test_a_push_on_a_commit_that_is_older_than_a_head_of_unknown_origin_is_not_ended(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    assert scene.play(scene.workflow(sha=NEW, before=OLD)) is Exit.DONE
    scene.later(5)
    scene.github.push("task-7-work", NEWER)
    head = scene.workflow(sha=NEWER, before=ZERO_SHA)
    scene.argo.mark(head.name, argo_controller.RUNNING)
    restored = scene.workflow(sha="d" * 40, before=NEW, pushed_at=ago(scene.clock, -5))
    assert scene.play(head) is Exit.DONE
    assert (superseded_by(scene, restored), phase(scene, restored)) == ("", "Pending")


def test_a_malformed_workflow_is_left_to_report_its_own_error(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    arguments = {"parameters": [{"name": "task-id", "value": "7"}, {"name": "sha", "value": "main"}]}
    scene.api.patch("workflows", older.name, {"spec": {"arguments": arguments}}, namespace=HOME)
    another = scene.workflow(pushed_at=ago(scene.clock, 5))
    play_newest(scene)
    assert (phase(scene, older), phase(scene, another)) == ("Pending", "Failed")


def test_a_workflow_after_a_dry_run_is_ended(scene: Scene) -> None:
    scene.workflow(dry_run=True, pushed_at=ago(scene.clock, 9))
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    play_newest(scene)
    assert phase(scene, older) == "Failed"


def test_a_workflow_with_an_unreadable_parameter_is_left_alone(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    said = [{"name": name, "value": value} for name, value in parameters(older.push).items() if name != "requested-by"]
    elsewhere = {"name": "requested-by", "valueFrom": {"configMapKeyRef": {"name": "any", "key": "any"}}}
    arguments = {"parameters": [*said, elsewhere]}
    scene.api.patch("workflows", older.name, {"spec": {"arguments": arguments}}, namespace=HOME)
    play_newest(scene)
    assert phase(scene, older) == "Pending"


def test_a_workflow_never_ends_itself_even_if_argos_label_lags(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    workflow = scene.workflow()
    assert scene.step(cancel, workflow, pod="pod") is Exit.DONE
    assert phase(scene, workflow) == "Pending"


def test_a_failed_cancellation_ends_no_workflow(scene: Scene) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    scene.github.fault(github_fails(401), method="GET", path="/pulls$")
    assert scene.play(scene.workflow()) is Exit.FORBIDDEN
    assert scene.record().phase is Phase.FAILED
    assert phase(scene, older) == "Pending"


@pytest.mark.parametrize("status", [403, 500])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_waiting_workflows_that_cannot_be_ended_never_fail_a_cancellation(
    scene: Scene, method: str, status: int
) -> None:
    older = scene.workflow(pushed_at=ago(scene.clock, 5))
    scene.api.faults.add(Fault(method=method, path="/workflows", status=status, reason="Forbidden", times=99))
    play_newest(scene)
    assert phase(scene, older) == "Pending"
    assert scene.record().phase is Phase.COMPLETED

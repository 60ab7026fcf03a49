"""A waiting push that is the pull request's head: the holder of the Lease works for it at once.

Webhooks have the time of a push in whole seconds, so Argo may choose any of the waiting Workflows next.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from steps.core.errors import Exit
from steps.domain.agent import RunOutcome
from steps.domain.record import LabelOutcome, Record
from steps.domain.watermark import RESOLUTION_S
from tests.doubles.kubernetes import Fault
from tests.support.harness import NEW, NEWER, Scene, Workflow
from tests.support.scene.workflow import parameters
from tests.support.waiting_workflows import HOME, phase

pytestmark = pytest.mark.usefixtures("alone", "no_place_is_left")


def reach_of(workflow: Workflow) -> datetime:
    """The watermark of a push with equal clocks."""
    return workflow.push.pushed_at - timedelta(seconds=RESOLUTION_S)


def in_one_second(scene: Scene, count: int) -> list[Workflow]:
    """Workflows of pushes in the same second. The last push is the head."""
    pushed_at = scene.clock.now()
    found = []
    for number in range(count):
        scene.github.push("task-7-work", f"{number + 100:040x}")
        found.append(scene.workflow(sha=f"{number + 100:040x}", pushed_at=pushed_at))
    return found


def test_the_next_workflow_works_for_the_waiting_head(scene: Scene) -> None:
    scene.agent()
    *others, head = in_one_second(scene, 4)
    scene.later(2)
    assert scene.play(others[1]) is Exit.DONE
    assert scene.record().push == head.push
    assert scene.record().labels is LabelOutcome.MOVED
    assert set(scene.github.labels(1)) >= {"remediation-in-progress"}
    assert [phase(scene, each) for each in (others[0], others[2], head)] == ["Failed"] * 3


def test_a_superseded_workflow_works_for_the_waiting_head(scene: Scene) -> None:
    first, late, head = in_one_second(scene, 3)
    for each in (late, head):  # their webhooks have not come yet
        scene.api.delete("workflows", each.name, namespace=HOME)
    assert scene.play(first) is Exit.DONE
    assert scene.record().labels is LabelOutcome.HEAD_MOVED
    head = scene.workflow(sha=head.push.sha, pushed_at=head.push.pushed_at)
    scene.later(2)
    late = scene.workflow(sha=late.push.sha, pushed_at=late.push.pushed_at)
    scene.later(2)
    assert scene.play(late) is Exit.DONE
    assert scene.record().push.sha == head.push.sha
    assert (scene.record().labels, scene.record().attempts) == (LabelOutcome.MOVED, 1)
    assert phase(scene, head) == "Failed"


def test_a_push_that_comes_again_works_for_the_waiting_head(scene: Scene) -> None:
    first, head = in_one_second(scene, 2)
    scene.api.delete("workflows", head.name, namespace=HOME)  # its webhook has not come yet
    assert scene.play(first) is Exit.DONE
    assert scene.record().labels is LabelOutcome.HEAD_MOVED
    scene.later(5)
    late = scene.workflow(sha=head.push.sha, pushed_at=head.push.pushed_at)
    scene.later(5)
    since = scene.agent()["metadata"]["name"]
    scene.later(5)
    again = scene.workflow(sha=first.push.sha, before=first.push.before, pushed_at=first.push.pushed_at)
    seen: list[Record] = []
    scene.github.before(lambda: seen.append(scene.record()), method="POST", path="/labels$")
    assert scene.play(again) is Exit.DONE
    assert (scene.record().push, scene.record().labels) == (late.push, LabelOutcome.MOVED)
    assert [record.attempts for record in seen] == [1]
    assert first.push.sha in scene.record().older
    assert scene.runs() == {since}
    assert phase(scene, late) == "Failed"


def test_while_it_works_for_the_waiting_head_the_record_leaves_no_label_to_anybody(scene: Scene) -> None:
    scene.agent()
    scene.later(5)
    *_, waiting = in_one_second(scene, 3)
    first = scene.workflow(sha=f"{100:040x}", pushed_at=waiting.push.pushed_at)
    scene.later(2)
    seen: list[Record] = []
    scene.api.faults.add(
        Fault(method="DELETE", path="/coderuns/", before=lambda _: seen.append(scene.record()), times=1)
    )
    assert scene.play(first) is Exit.DONE
    assert [(record.push, record.labels, record.left_to) for record in seen] == [
        (waiting.push, LabelOutcome.PENDING, "")
    ]


def test_a_superseded_workflow_uses_the_watermark_of_the_waiting_head(scene: Scene) -> None:
    first, late = in_one_second(scene, 2)
    scene.api.delete("workflows", late.name, namespace=HOME)
    scene.later(2)
    scene.github.push("task-7-work", NEWER)
    assert scene.play(first) is Exit.DONE
    assert scene.record().left_to == NEWER
    head = scene.workflow(sha=NEWER)
    scene.later(2)
    late = scene.workflow(sha=late.push.sha, pushed_at=late.push.pushed_at)
    scene.later(2)
    assert scene.play(late) is Exit.DONE
    assert (scene.record().push, scene.record().watermark) == (head.push, reach_of(head))
    assert phase(scene, head) == "Failed"


def test_runs_that_only_the_waiting_head_makes_stale_are_stopped_as_well(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    older = scene.workflow()
    scene.later(3)
    between = scene.agent()["metadata"]["name"]
    scene.later(3)
    scene.github.push("task-7-work", NEWER)
    head = scene.workflow(sha=NEWER)
    # Created in the same second as the head's Workflow, after the runs are listed.
    just_then: list[str] = []
    appear = Fault(
        method="GET",
        path="/workflows",
        after=lambda _: just_then.append(scene.agent()["metadata"]["name"]),
    )
    scene.api.faults.add(appear)
    assert scene.play(older) is Exit.DONE
    assert scene.record().push == head.push
    assert scene.record().watermark == reach_of(head)
    assert just_then
    assert scene.runs() == set(just_then), "it may work on the head already"
    outcomes = {agent.name: agent.outcome for agent in scene.record().agents}
    assert outcomes[between] is RunOutcome.GONE


def test_a_head_that_came_twice_reaches_no_further_than_its_first_webhook(scene: Scene) -> None:
    first, head = in_one_second(scene, 2)
    scene.later(5)
    of_the_new_code = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.workflow(sha=head.push.sha, pushed_at=head.push.pushed_at)
    assert scene.play(first) is Exit.DONE
    assert scene.runs() == {of_the_new_code}


def test_a_head_of_the_same_second_whose_webhook_came_late_reaches_no_newer_agent(scene: Scene) -> None:
    first, head = in_one_second(scene, 2)
    scene.api.delete("workflows", head.name, namespace=HOME)
    scene.later(5)
    of_the_new_code = scene.agent()["metadata"]["name"]
    scene.later(5)
    scene.workflow(sha=head.push.sha, pushed_at=head.push.pushed_at)
    assert scene.play(first) is Exit.DONE
    assert scene.record().push.sha == head.push.sha
    assert scene.runs() == {of_the_new_code}


def test_no_workflow_works_for_a_dry_run_or_another_branch(scene: Scene) -> None:
    scene.github.push("task-7-work", NEW)
    older = scene.workflow()
    scene.later(2)
    scene.github.push("task-7-work", NEWER)
    scene.workflow(sha=NEWER, dry_run=True)
    elsewhere = scene.workflow(sha=NEWER)
    arguments = parameters(replace(elsewhere.push, ref="refs/heads/task-7-other"))
    changed = {"parameters": [{"name": name, "value": value} for name, value in arguments.items()]}
    scene.api.patch("workflows", elsewhere.name, {"spec": {"arguments": changed}}, namespace=HOME)
    assert scene.play(older) is Exit.DONE
    assert scene.record().push == older.push
    assert scene.record().labels is LabelOutcome.HEAD_MOVED


def test_if_waiting_workflows_cannot_be_listed_each_works_for_itself(scene: Scene) -> None:
    older, head = in_one_second(scene, 2)
    scene.api.faults.add(Fault(method="GET", path="/workflows", status=403, reason="Forbidden", times=99))
    assert scene.play(older) is Exit.DONE
    assert scene.record().push == older.push
    assert scene.play(head) is Exit.DONE
    assert scene.record().push == head.push

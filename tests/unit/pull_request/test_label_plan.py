"""The plan for the labels of a push: its pull request, the skip labels of the task, and GitHub's clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.cancellation.claim import claim_record
from steps.core.errors import UnavailableError
from steps.domain.label_decision import LabelPlan
from steps.domain.push import Push, Sha
from steps.domain.record import FinishedPush, LabelOutcome, Record
from steps.pull_request.label_plan import read_label_plan
from steps.runtime.context import StepContext
from tests.doubles.github import fail
from tests.support.harness import DEFAULTS, NEW, NEWER, OLD, Scene, Workflow

BRANCH = "task-7-work"
OLDEST = "e" * 40


def claimed(scene: Scene, workflow: Workflow) -> tuple[Record, StepContext]:
    """A claimed record, and its step."""
    context = scene.context(workflow, pod="pod")
    record = claim_record(None, context=context)
    assert record is not None
    return record, context


def planned(record: Record, context: StepContext) -> tuple[Push, LabelPlan]:
    return read_label_plan(record, context=context, while_waiting=lambda: None)


def pushed(scene: Scene) -> tuple[Record, StepContext]:
    scene.github.push(BRANCH, NEW)
    return claimed(scene, scene.workflow(sha=NEW, before=OLD))


@pytest.mark.parametrize("ahead_s", [0, 30])
@pytest.mark.parametrize("ended", [False, True])
def test_the_plan_has_the_seconds_by_which_the_clocks_differ(scene: Scene, ahead_s: int, *, ended: bool) -> None:
    record, context = pushed(scene)
    if ended:
        scene.github.close(1)
        record, context = claimed(scene, scene.ended())
    real = scene.github._clock
    scene.github._clock = lambda: real() - ahead_s
    context.lease().read()  # the API server's clock is known once it has answered
    _, plan = planned(record, context)
    assert plan.labels is (LabelOutcome.CLOSED if ended else LabelOutcome.PENDING)
    assert plan.clock_offset_s is not None
    assert abs(plan.clock_offset_s - ahead_s) <= 2


def test_a_skip_label_on_another_branch_of_the_task_names_its_pull_request(scene: Scene) -> None:
    record, context = pushed(scene)
    other = scene.github.add_pull_request(head="task-7-tests", sha=OLD, labels=["skip-automation"])
    beside = replace(record.push, ref="refs/heads/task-7-tests")
    record = replace(record, branches=(FinishedPush(push=beside),))
    push, plan = planned(record, context)
    assert (push, plan.labels) == (record.push, LabelOutcome.SKIPPED)
    assert plan.pull_request is not None
    assert plan.pull_request.number == other.number


def test_a_head_that_the_record_knows_to_be_older_is_a_delay_if_the_list_cannot_be_read(scene: Scene) -> None:
    record, context = pushed(scene)
    scene.github.show_head(1, OLDEST)
    scene.github.fault(fail(403), path="/activity", times=1e9)
    _, plan = planned(replace(record, older=(Sha(OLDEST),)), context)
    assert (plan.labels, plan.older_head, plan.left_to) == (LabelOutcome.PENDING, OLDEST, "")
    _, plan = planned(record, context)
    assert (plan.labels, plan.older_head, plan.left_to) == (LabelOutcome.HEAD_MOVED, "", OLDEST)


def test_a_step_whose_own_push_is_the_head_settles_it_and_not_the_earlier_one(scene: Scene) -> None:
    record, _ = pushed(scene)
    scene.later(5)
    scene.github.push(BRANCH, NEWER)
    own = scene.workflow(sha=NEWER, before=NEW)
    push, plan = planned(record, scene.context(own, pod="second"))
    assert (push, plan.labels) == (own.push, LabelOutcome.PENDING)
    other = scene.workflow(sha=NEWER, before=NEW, branch="task-7-tests")
    push, plan = planned(record, scene.context(other, pod="third"))
    assert (push, plan.labels, plan.left_to) == (record.push, LabelOutcome.HEAD_MOVED, NEWER)


def test_while_github_cannot_be_read_agents_are_cancelled_if_the_settings_say_so(scene: Scene) -> None:
    record, context = pushed(scene)
    scene.github.fault(fail(502), path="/pulls", times=1e9)
    with pytest.raises(UnavailableError):
        planned(record, context)
    scene.settings = replace(DEFAULTS, github=replace(DEFAULTS.github, unreadable="cancel"))
    record, context = claimed(scene, scene.workflow(sha=NEW, before=OLD))
    assert planned(record, context) == (record.push, LabelPlan(labels=LabelOutcome.UNREADABLE))
    said = "GitHub cannot be read: agents are cancelled, labels do not move"
    assert said in [line["event"] for line in scene.events()]


def test_several_pull_requests_of_one_branch_need_the_tasks_label(scene: Scene) -> None:
    record, context = pushed(scene)
    scene.github.edit_labels(1, remove=["task-7"])
    second = scene.github.add_pull_request(head=BRANCH, sha=NEW, base="release")
    _, plan = planned(record, context)
    assert plan.labels is LabelOutcome.AMBIGUOUS
    (warned,) = (line for line in scene.events() if line["event"].startswith("several open"))
    assert warned["event"] == "several open pull requests have this head: add label task-7 to the right one"
    assert sorted(warned["pulls"]) == ["#1", f"#{second.number}"]

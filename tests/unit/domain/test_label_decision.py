"""The pull request of a push, and whether its labels move."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steps.domain.label_decision import LabelPlan, decide_labels
from steps.domain.push import Sha
from steps.domain.record import LabelOutcome, PullRequest
from tests.support.pushes import push


def pull(number: int, sha: str = "b" * 40, *labels: str) -> PullRequest:
    return PullRequest(number=number, head_sha=sha, labels=labels)


@pytest.mark.parametrize(
    ("candidates", "expected", "number"),
    [
        pytest.param([], LabelOutcome.NO_PULL_REQUEST, None, id="no open pull request"),
        pytest.param([pull(1)], LabelOutcome.PENDING, 1, id="one, and the push is its head"),
        pytest.param([pull(1, "c" * 40)], LabelOutcome.HEAD_MOVED, 1, id="one, but a newer push is its head"),
        pytest.param([pull(1, "b" * 40, "Skip-Automation")], LabelOutcome.SKIPPED, 1, id="the skip label, in any case"),
        pytest.param([pull(1), pull(2)], LabelOutcome.AMBIGUOUS, None, id="two, and no label decides"),
        pytest.param(
            [pull(1), pull(2, "b" * 40, "task-7")], LabelOutcome.PENDING, 2, id="two, one of them is the task's"
        ),
        pytest.param(
            [pull(1, "b" * 40, "skip-automation"), pull(2, "b" * 40, "task-7")],
            LabelOutcome.SKIPPED,
            1,
            id="two, and one has the skip label",
        ),
    ],
)
def test_labels_move_only_on_the_pull_request_whose_head_is_the_push(
    candidates: list[PullRequest], expected: LabelOutcome, number: int | None
) -> None:
    plan = decide_labels(candidates, push=push(), skip="skip-automation", task_label="task-7")
    assert plan.labels is expected
    assert (plan.pull_request.number if plan.pull_request else None) == number
    assert plan.left_to == ("c" * 40 if expected is LabelOutcome.HEAD_MOVED else ""), (
        "the newer push settles its labels"
    )


@pytest.mark.parametrize(
    ("head", "older"), [("a" * 40, ()), ("e" * 40, ("d" * 40, "e" * 40))], ids=["just replaced", "replaced before"]
)
def test_a_head_that_is_known_to_be_older_is_ignored(head: str, older: tuple[str, ...]) -> None:
    of = replace(push(), before=Sha("a" * 40))
    plan = decide_labels([pull(1, head)], push=of, skip="skip-automation", task_label="task-7", older=older)
    assert plan == LabelPlan(labels=LabelOutcome.PENDING, pull_request=pull(1), older_head=head)


def test_an_unknown_head_counts_as_newer() -> None:
    of = replace(push(), before=Sha("a" * 40))
    plan = decide_labels([pull(1, "c" * 40)], push=of, skip="skip-automation", task_label="task-7", older=("e" * 40,))
    expected = LabelPlan(labels=LabelOutcome.HEAD_MOVED, pull_request=pull(1, "c" * 40), left_to="c" * 40)
    assert plan == expected


@pytest.mark.parametrize("labels", [LabelOutcome.PENDING, LabelOutcome.NO_PULL_REQUEST])
def test_a_plan_has_no_older_head_and_no_clock_offset_by_default(labels: LabelOutcome) -> None:
    plan = LabelPlan(labels=labels)
    assert (plan.older_head, plan.clock_offset_s, plan.left_to) == ("", None, "")

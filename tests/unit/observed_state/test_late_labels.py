"""Which finished pushes are checked again, and when the reason for which their labels stayed has gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from steps.domain.push import Repository
from steps.domain.record import LabelOutcome, Phase, PullRequest
from steps.observed_state.late_labels import await_pull_request, is_due, may_be_due
from tests.support.factories import NOW, OWN, RULES, ago, push, record, task_state
from tests.support.harness import DEFAULTS

SECONDS = RULES.late_labels_s
MAY_GO = (LabelOutcome.NO_PULL_REQUEST, LabelOutcome.AMBIGUOUS, LabelOutcome.SKIPPED)
STAYED = record(push(sha="a"), labels=LabelOutcome.NO_PULL_REQUEST, finished_at=ago(60))
(DONE_PUSH,) = STAYED.finished_pushes


def pull(number: int = 1, *labels: str, head: str = "a") -> PullRequest:
    return PullRequest(number=number, head_sha=head * 40, labels=labels)


@pytest.mark.parametrize("labels", LabelOutcome)
def test_labels_that_stayed_for_a_reason_that_may_go_are_checked_again(labels: LabelOutcome) -> None:
    assert may_be_due(replace(DONE_PUSH, labels=labels), now=NOW, settings=RULES) is (labels in MAY_GO)


@pytest.mark.parametrize(
    ("finished_at", "expected"),
    [(ago(SECONDS - 1), True), (ago(SECONDS), False), (None, False), (ago(-60), True)],
    ids=["just young enough", "too old", "of an earlier version", "a clock that is ahead"],
)
def test_a_push_is_checked_again_for_a_bounded_time(finished_at: datetime | None, *, expected: bool) -> None:
    assert may_be_due(replace(DONE_PUSH, finished_at=finished_at), now=NOW, settings=RULES) is expected


def test_nothing_is_checked_again_if_the_settings_say_so() -> None:
    assert not may_be_due(DONE_PUSH, now=NOW, settings=replace(RULES, late_labels_s=0))


@pytest.mark.parametrize("phase", [Phase.IN_PROGRESS, Phase.FAILED])
def test_an_unfinished_push_is_not_checked_again(phase: Phase) -> None:
    unfinished = task_state(record=replace(STAYED, phase=phase))
    assert await_pull_request([unfinished], now=NOW, settings=RULES) == set()


def test_a_repository_is_asked_once_whatever_its_spelling() -> None:
    shouted = replace(STAYED, push=replace(STAYED.push, repository=Repository(OWN.upper())))
    held = task_state("9", record=replace(STAYED, push=push("9", repository="o/held")), holder="w/u/p")
    moved = task_state("10", record=record(push("10", repository="o/moved"), finished_at=ago(60)))
    states = (task_state(record=STAYED), task_state("8", record=shouted), held, moved, task_state("11", record=None))
    assert await_pull_request(states, now=NOW, settings=RULES) == {OWN}


@pytest.mark.parametrize(
    ("pulls", "due"),
    [
        pytest.param([], False, id="there is still none"),
        pytest.param([pull()], True, id="it was opened, or the skip label was removed"),
        pytest.param([pull(1, "Skip-Automation")], False, id="it has the skip label"),
        pytest.param([pull(1), pull(2)], False, id="two, and neither is labelled"),
        pytest.param([pull(1), pull(2, "Task-7")], True, id="two, and a person labelled one"),
        pytest.param([pull(1, "task-7"), pull(2, "task-7")], False, id="two, and both are labelled"),
        pytest.param([pull(1, "skip-automation"), pull(2, "task-7")], False, id="two, and one has the skip label"),
        pytest.param([pull(head="c")], True, id="its head is newer: the labels are left to it"),
        pytest.param([pull(head="d")], True, id="GitHub still shows an older head"),
    ],
)
@pytest.mark.parametrize("labels", MAY_GO)
def test_labels_are_due_once_the_reason_has_gone(pulls: list[PullRequest], labels: LabelOutcome, *, due: bool) -> None:
    stayed = replace(DONE_PUSH, labels=labels, older=("d" * 40,))
    assert is_due(stayed, pulls=pulls, settings=DEFAULTS.labels) is due

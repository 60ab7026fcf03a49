"""Start, resume or superseded: a table of cases that other systems had, and properties."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.domain.claim_decision import Resume, Start, Superseded, decide_claim
from steps.domain.push import COMMAND_REASON, MANUAL_ALL_REASON, MANUAL_REASON, OPENED_REASON, ZERO_SHA, Sha
from steps.domain.record import LabelOutcome, Phase, Record
from tests.support.pushes import T0, at, push, record


def test_the_first_push_of_a_task_starts() -> None:
    assert decide_claim(None, push=push(), watermark=T0) == Start(push=push(), watermark=T0)


@pytest.mark.parametrize(
    ("stored", "sha", "pushed", "expected"),
    [
        pytest.param(record(0), "b" * 40, 1, Start, id="a newer push starts"),
        pytest.param(record(0), "a" * 40, 0, Superseded, id="the same event again is superseded"),
        pytest.param(record(0), "b" * 40, -5, Superseded, id="Zuul: an older patchset that arrives late is superseded"),
        pytest.param(record(0), "b" * 40, 0, Superseded, id="Prow: two starts in one second, the first settled both"),
        pytest.param(record(0, phase=Phase.FAILED), "b" * 40, -5, Resume, id="an older event finishes what failed"),
        pytest.param(
            record(0, phase=Phase.IN_PROGRESS), "b" * 40, 5, Resume, id="a newer event takes over what crashed"
        ),
        pytest.param(record(0, labels=LabelOutcome.SKIPPED), "a" * 40, 0, Resume, id="a replay after the skip label"),
        pytest.param(
            record(0, labels=LabelOutcome.UNREADABLE), "a" * 40, 0, Resume, id="a replay after GitHub was down"
        ),
        pytest.param(
            record(0, labels=LabelOutcome.NO_PULL_REQUEST), "a" * 40, 0, Resume, id="a replay after it was opened"
        ),
        pytest.param(
            record(0, labels=LabelOutcome.AMBIGUOUS), "a" * 40, 0, Resume, id="a replay after a person labelled one"
        ),
        *(
            pytest.param(record(0, labels=labels), "b" * 40, -5, Superseded, id=f"an older push, {labels}")
            for labels in LabelOutcome
        ),
        pytest.param(
            replace(record(0, labels=LabelOutcome.HEAD_MOVED), left_to="b" * 40),
            "b" * 40,
            0,
            Resume,
            id="the push of the same second that the labels were left to",
        ),
        pytest.param(
            replace(record(0, labels=LabelOutcome.HEAD_MOVED), left_to="c" * 40),
            "b" * 40,
            0,
            Superseded,
            id="the labels were left to another push",
        ),
    ],
)
@pytest.mark.parametrize("late", [0, 20], ids=["at once", "with a Workflow made 20 s later"])
def test_the_record_decides_between_start_resume_and_superseded(
    stored: Record, sha: str, pushed: float, expected: type, late: float
) -> None:
    claim = decide_claim(stored, push=push(sha, pushed=pushed), watermark=at(pushed + late))
    assert isinstance(claim, expected)
    if not isinstance(claim, Superseded) and pushed <= 0:
        assert claim.watermark == stored.watermark, "only a newer push may raise the watermark"


def test_resume_is_for_the_newer_of_the_two_pushes() -> None:
    crashed = record(0, phase=Phase.IN_PROGRESS)
    older, newer = push("b" * 40, pushed=-9), push("c" * 40, pushed=9)
    assert decide_claim(crashed, push=older, watermark=at(30)) == Resume(push=crashed.push, watermark=at(0))
    assert decide_claim(crashed, push=newer, watermark=at(10)) == Resume(push=newer, watermark=at(10))


def test_a_newer_push_whose_workflow_was_created_first_keeps_the_watermark() -> None:
    newer = push(pushed=3)
    assert decide_claim(record(6, pushed=0), push=newer, watermark=at(4)) == Start(push=newer, watermark=at(6))


records = st.builds(
    record,
    st.integers(-100, 100),
    phase=st.sampled_from(Phase),
    labels=st.sampled_from(LabelOutcome),
    sha=st.sampled_from(["a" * 40, "b" * 40]),
    pushed=st.integers(-100, 100),
)


@given(stored=records, pushed=st.integers(-100, 100), late=st.integers(0, 30))
def test_the_watermark_never_goes_back_and_only_a_newer_push_raises_it(stored: Record, pushed: int, late: int) -> None:
    claim = decide_claim(stored, push=push(pushed=pushed), watermark=at(pushed + late))
    if isinstance(claim, Superseded):
        return
    assert claim.watermark >= stored.watermark
    if at(pushed) <= stored.push.pushed_at:
        assert claim.watermark == stored.watermark


@given(stored=st.none() | records, pushed=st.integers(-100, 100), late=st.integers(0, 30), again=st.integers(0, 30))
def test_a_repeated_event_of_a_finished_push_is_superseded_at_any_time(
    stored: Record | None, pushed: int, late: int, again: int
) -> None:
    claim = decide_claim(stored, push=push(pushed=pushed), watermark=at(pushed + late))
    if isinstance(claim, Start):
        done = replace(record(0), push=claim.push, watermark=claim.watermark)
        assert isinstance(decide_claim(done, push=push(pushed=pushed), watermark=at(pushed + late + again)), Superseded)


@given(
    pushes=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), min_size=1, max_size=4, unique_by=lambda p: p[0])
)
def test_in_any_order_of_events_the_newest_push_decides(pushes: list[tuple[int, int]]) -> None:
    newest = max(pushed for pushed, _ in pushes)
    for order in permutations(pushes):
        stored: Record | None = None
        for pushed, late in order:
            claim = decide_claim(stored, push=push(f"{pushed:040x}", pushed=pushed), watermark=at(pushed + late))
            if not isinstance(claim, Superseded):
                stored = replace(record(0), push=claim.push, watermark=claim.watermark)
        assert stored is not None
        assert stored.push.sha == f"{newest:040x}"
        assert stored.watermark >= at(newest)


@pytest.mark.parametrize("reason", [MANUAL_REASON, COMMAND_REASON])
def test_a_request_for_a_finished_push_is_superseded(reason: str) -> None:
    request = replace(push("a" * 40), reason=reason)
    assert decide_claim(record(0), push=request, watermark=at(600)) == Superseded(by="a" * 40)


@pytest.mark.parametrize(
    ("reaches", "expected"),
    [
        pytest.param(600, Start, id="it reaches further than the record"),
        pytest.param(0, Superseded, id="the record reaches as far: its pod starts again after the end"),
        pytest.param(-5, Superseded, id="it was asked before"),
    ],
)
def test_a_request_that_includes_newer_runs_starts_a_finished_push_again(reaches: float, expected: type) -> None:
    request = replace(push("a" * 40), reason=MANUAL_ALL_REASON)
    claim = decide_claim(record(0), push=request, watermark=at(reaches))
    assert isinstance(claim, expected)
    assert isinstance(claim, Superseded) or claim.watermark == at(reaches)


def test_a_request_for_a_commit_that_is_not_the_latest_push_is_superseded() -> None:
    request = replace(push("b" * 40, pushed=-5), reason=MANUAL_ALL_REASON)
    assert decide_claim(record(0), push=request, watermark=at(600)) == Superseded(by="a" * 40)


@pytest.mark.parametrize("finished", [True, False])
def test_githubs_list_decides_against_commits_and_times(*, finished: bool) -> None:
    phase = Phase.COMPLETED if finished else Phase.IN_PROGRESS
    stored = record(10, phase=phase)
    sooner, later = push(pushed=5), push(pushed=15)
    taken = (Start if finished else Resume)(push=sooner, watermark=at(10))
    assert decide_claim(stored, push=sooner, watermark=at(5), listed_newer=True) == taken
    left = Superseded(by=stored.push.sha) if finished else Resume(push=stored.push, watermark=at(10))
    assert decide_claim(stored, push=later, watermark=at(15), listed_newer=False) == left


@pytest.mark.parametrize(
    ("pushed", "listed_newer", "due"),
    [
        pytest.param(10, None, "the push", id="of the same second"),
        pytest.param(9, None, "the recorded push", id="GitHub showed an old head, by its time"),
        pytest.param(10, False, "the recorded push", id="GitHub showed an old head, by its list"),
    ],
)
def test_labels_that_were_left_to_a_head_are_moved_by_the_newer_of_the_two_pushes(
    pushed: float, due: str, *, listed_newer: bool | None
) -> None:
    left_to = push(pushed=pushed)
    stored = replace(record(10, labels=LabelOutcome.HEAD_MOVED), left_to=str(left_to.sha))
    expected = left_to if due == "the push" else stored.push
    found = decide_claim(stored, push=left_to, watermark=at(pushed), listed_newer=listed_newer)
    assert found == Resume(push=expected, watermark=at(10))


def test_a_request_for_all_agents_of_a_branch_that_ended_and_lives_again_starts_again() -> None:
    stored = record(10)
    ended = replace(stored, push=replace(stored.push, sha=Sha(ZERO_SHA), before=Sha("b" * 40)))
    request = replace(push(pushed=5), reason=MANUAL_ALL_REASON)
    assert decide_claim(ended, push=request, watermark=at(20)) == Start(push=request, watermark=at(20))
    assert decide_claim(ended, push=request, watermark=at(10)) == Superseded(by=ZERO_SHA)
    other = replace(request, sha=Sha("c" * 40))
    assert decide_claim(ended, push=other, watermark=at(20)) == Superseded(by=ZERO_SHA)


def test_a_pull_request_that_is_opened_at_the_head_that_labels_were_left_to_gets_them() -> None:
    opened = replace(push(pushed=20), reason=OPENED_REASON)
    stored = replace(record(10, labels=LabelOutcome.HEAD_MOVED), left_to=str(opened.sha))
    assert decide_claim(stored, push=opened, watermark=at(20)) == Resume(push=opened, watermark=at(10))

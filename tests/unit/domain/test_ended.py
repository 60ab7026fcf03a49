"""The end of a branch, and a pull request that is opened: the order of events, the claim, the labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from steps.domain.claim_decision import ClaimDecision, Resume, Start, Superseded, decide_claim, decide_living
from steps.domain.label_decision import LabelPlan, decide_ended
from steps.domain.push import OPENED_REASON, ZERO_SHA, Push, Sha
from steps.domain.push_order import is_known_older, is_newer, is_newer_than_known, known_older
from steps.domain.record import LabelOutcome, Phase, PullRequest, Record
from tests.support.pushes import T0, at, push, record

A, B, C = (letter * 40 for letter in "abc")
OTHER = "refs/heads/task-7-other"


def moved(sha: str, *, before: str = ZERO_SHA, seconds: float = 0) -> Push:
    """A push to the task's branch, or with zeros its end."""
    return replace(push(), sha=Sha(sha), before=Sha(before), pushed_at=at(seconds))


END = moved(ZERO_SHA, before=A)


def opened(sha: str, *, ref: str = "") -> Push:
    """A pull request of the branch is opened with this head."""
    return replace(moved(sha, seconds=100), reason=OPENED_REASON, ref=ref or push().ref)


def stored(of: Push, labels: LabelOutcome, **changes: object) -> Record:
    """The record of a finished push."""
    return replace(record(0), push=of, labels=labels, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        pytest.param(moved(ZERO_SHA, before=A), moved(A), True, id="the end replaces the last commit, at any time"),
        pytest.param(moved(A, before=C, seconds=60), END, False, id="the push came before its end, at any time"),
        pytest.param(moved(A, seconds=-60), END, False, id="the push that made the branch came before its end"),
        pytest.param(moved(A, seconds=60), END, True, id="the branch is made again at the same commit"),
        pytest.param(moved(ZERO_SHA, before=A), moved(ZERO_SHA, before=A), False, id="the same end comes again"),
        pytest.param(
            moved(ZERO_SHA, before=A, seconds=9), moved(ZERO_SHA, before=A), True, id="closed, and ended again"
        ),
        pytest.param(moved(ZERO_SHA, before=B, seconds=9), moved(ZERO_SHA, before=A), True, id="a later end"),
        pytest.param(moved(B, seconds=60), moved(ZERO_SHA, before=A), True, id="the branch is made again"),
        pytest.param(moved(B, seconds=-60), moved(ZERO_SHA, before=A), False, id="a branch that was made before"),
        pytest.param(moved(ZERO_SHA, before=B, seconds=60), moved(A), True, id="the pushes in between were lost"),
        pytest.param(moved(ZERO_SHA, before=B, seconds=-60), moved(A), False, id="the end of an earlier life"),
        pytest.param(moved(B, before=A, seconds=60), moved(ZERO_SHA, before=A), True, id="closed, and pushed to again"),
    ],
)
def test_the_end_of_a_branch_is_ordered_like_a_push_to_nothing(one: Push, other: Push, *, newer: bool) -> None:
    assert is_newer(one, than=other) is newer


def test_the_last_commit_is_not_older_than_its_end() -> None:
    end = moved(ZERO_SHA, before=B)
    of = stored(moved(B, before=A), LabelOutcome.MOVED, older=(C,))
    assert known_older(of, push=end) == (C, A)
    assert not is_known_older(B, push=end, older=(C, A, B))
    assert is_known_older(A, push=end, older=(C, A))


@pytest.mark.parametrize(
    ("known_before", "sha", "before", "newer"),
    [
        pytest.param(ZERO_SHA, B, C, False, id="it replaced a commit that is older than the head"),
        pytest.param(ZERO_SHA, B, "d" * 40, True, id="it replaced another commit"),
        pytest.param(C, B, C, True, id="the head names what it replaced: time decides"),
        pytest.param(ZERO_SHA, A, C, True, id="the head itself, forced back"),
    ],
)
def test_a_push_and_a_head_of_unknown_order(known_before: str, sha: str, before: str, *, newer: bool) -> None:
    known = stored(moved(A, before=known_before), LabelOutcome.MOVED, older=(C,))
    assert is_newer_than_known(moved(sha, before=before, seconds=60), known=known) is newer


def pull(number: int, *labels: str) -> PullRequest:
    return PullRequest(number=number, head_sha=A, labels=labels)


@pytest.mark.parametrize(
    ("open_ones", "closed", "expected"),
    [
        ([], [], LabelPlan(labels=LabelOutcome.CLOSED)),
        ([], [pull(2), pull(1)], LabelPlan(labels=LabelOutcome.CLOSED, pull_request=pull(1))),
        ([], [pull(2, "Skip"), pull(1)], LabelPlan(labels=LabelOutcome.SKIPPED, pull_request=pull(2, "Skip"))),
        ([pull(3), pull(4)], [pull(9, "skip")], LabelPlan(labels=LabelOutcome.OPEN_AGAIN, pull_request=pull(4))),
    ],
    ids=["no pull request", "closed: the latest", "one of them has the skip label", "open again"],
)
def test_an_open_pull_request_wins_over_the_end(
    open_ones: list[PullRequest], closed: list[PullRequest], expected: LabelPlan
) -> None:
    assert decide_ended(opened=open_ones, closed=closed, skip="skip") == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(None, Superseded(by=""), id="nothing is recorded"),
        pytest.param(stored(moved(A), LabelOutcome.AMBIGUOUS), Superseded(by=A), id="its push is finished"),
        pytest.param(
            stored(replace(moved(B), ref=OTHER), LabelOutcome.MOVED),
            Superseded(by=""),
            id="none of the branch is known",
        ),
        pytest.param(
            stored(moved(A), LabelOutcome.PENDING, phase=Phase.FAILED),
            Resume(push=moved(A), watermark=T0),
            id="its push is not finished",
        ),
        pytest.param(
            stored(replace(moved(B), ref=OTHER), LabelOutcome.PENDING, phase=Phase.IN_PROGRESS),
            Resume(push=replace(moved(B), ref=OTHER), watermark=T0),
            id="a push of another branch is not finished",
        ),
    ],
)
def test_the_end_of_a_branch_that_lives_on_changes_nothing(known: Record | None, expected: ClaimDecision) -> None:
    assert decide_living(known, push=moved(ZERO_SHA, before=A, seconds=60)) == expected


LATE = T0.replace(year=2030)


@pytest.mark.parametrize(
    ("known", "event", "expected"),
    [
        pytest.param(None, opened(A), Superseded(by=""), id="nothing is recorded"),
        pytest.param(
            stored(moved(A), LabelOutcome.MOVED), opened(B), Superseded(by=A), id="its push is not recorded: a person's"
        ),
        pytest.param(stored(moved(A), LabelOutcome.MOVED), opened(A), Superseded(by=A), id="its labels are moved"),
        pytest.param(
            stored(moved(A), LabelOutcome.MOVED),
            opened(A, ref=OTHER),
            Superseded(by=""),
            id="no push of its branch is recorded",
        ),
        pytest.param(
            stored(moved(A), LabelOutcome.NO_PULL_REQUEST),
            opened(A),
            Resume(push=moved(A), watermark=T0),
            id="its push had no pull request",
        ),
        pytest.param(
            stored(END, LabelOutcome.CLOSED), opened(A), Resume(push=END, watermark=T0), id="open again after its end"
        ),
        pytest.param(stored(END, LabelOutcome.CLOSED), opened(B), Superseded(by=ZERO_SHA), id="with another head"),
        pytest.param(stored(END, LabelOutcome.OPEN_AGAIN), opened(A), Superseded(by=ZERO_SHA), id="said already"),
        pytest.param(
            stored(moved(A), LabelOutcome.CLOSED), opened(ZERO_SHA), Superseded(by=A), id="a push that did not end"
        ),
        pytest.param(
            stored(moved(B), LabelOutcome.PENDING, phase=Phase.FAILED),
            opened(A, ref=OTHER),
            Resume(push=moved(B), watermark=T0),
            id="an unfinished push of another branch is finished",
        ),
        pytest.param(
            stored(moved(B), LabelOutcome.PENDING, phase=Phase.IN_PROGRESS),
            opened(B),
            Resume(push=moved(B), watermark=T0),
            id="its own unfinished push is finished",
        ),
    ],
)
def test_opening_starts_nothing_but_labels_and_the_comment(
    known: Record | None, event: Push, expected: ClaimDecision
) -> None:
    assert decide_claim(known, push=event, watermark=LATE) == expected


def test_opening_moves_the_labels_of_a_branch_beside_the_recorded_one() -> None:
    left = replace(moved(A), ref=OTHER)
    done = stored(left, LabelOutcome.NO_PULL_REQUEST).finished_pushes
    known = stored(moved(B), LabelOutcome.MOVED, branches=done)
    assert decide_claim(known, push=opened(A, ref=OTHER), watermark=LATE) == Start(push=left, watermark=T0)
    failed = replace(known, phase=Phase.FAILED)
    assert decide_claim(failed, push=opened(A, ref=OTHER), watermark=LATE) == Resume(push=moved(B), watermark=T0)


def test_an_end_starts_with_the_later_watermark() -> None:
    known = stored(moved(A), LabelOutcome.MOVED)
    later: datetime = LATE
    assert decide_claim(known, push=END, watermark=later) == Start(push=END, watermark=later)
    assert decide_claim(stored(END, LabelOutcome.CLOSED), push=moved(A), watermark=later) == Superseded(by=ZERO_SHA)

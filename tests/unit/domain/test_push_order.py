"""Which of two pushes to one ref is newer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.domain.push import ZERO_SHA, Push, Sha
from steps.domain.push_order import (
    find_listed,
    is_head_listed_newer,
    is_known_older,
    is_listed_newer,
    is_newer,
    is_newer_than_known,
    is_order_doubtful,
    known_older,
    may_be_newer,
)
from steps.domain.record import FinishedPush
from tests.support.pushes import at, push, record

A, B, C, D = (letter * 40 for letter in "abcd")


def moved(sha: str, before: str, seconds: float) -> Push:
    """A push from one commit to another."""
    return replace(push(), sha=Sha(sha), before=Sha(before), pushed_at=at(seconds))


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        pytest.param((B, A, 0), (A, ZERO_SHA, 0), True, id="it replaced the other's commit, in the same second"),
        pytest.param((B, A, -60), (A, ZERO_SHA, 0), True, id="it replaced the other's commit, at any time"),
        pytest.param((A, ZERO_SHA, 60), (B, A, 0), False, id="the other one replaced it, at any time"),
        pytest.param((A, ZERO_SHA, 60), (A, ZERO_SHA, 0), False, id="the same commit is the same push"),
        pytest.param((A, D, 1), (A, D, 0), False, id="GitHub's two times of one push differ by a second"),
        pytest.param((A, ZERO_SHA, 60), (A, D, 0), False, id="a person submits the recorded commit again"),
        pytest.param((A, B, 60), (B, A, 0), True, id="a branch is forced back to the commit before"),
        pytest.param((A, B, 60), (A, D, 0), True, id="a branch is forced back, and the push in between was lost"),
        pytest.param(
            (A, B, 60), (A, ZERO_SHA, 0), True, id="a branch is forced back to the commit it was created with"
        ),
        pytest.param((A, B, 0), (A, ZERO_SHA, 60), False, id="the webhook comes after a person submitted its commit"),
        pytest.param((A, D, 0), (A, B, 60), False, id="the first of two pushes of one commit comes again"),
        pytest.param((B, A, -60), (A, B, 0), False, id="each replaced the other's commit: GitHub's time decides"),
        pytest.param((B, A, 60), (A, B, 0), True, id="each replaced the other's commit, and it came later"),
        pytest.param((B, A, 0), (A, B, 0), False, id="each replaced the other's commit, in the same second"),
        pytest.param((ZERO_SHA, A, -60), (A, ZERO_SHA, 0), True, id="an end replaces the last commit, at any time"),
        pytest.param((C, B, 5), (A, ZERO_SHA, 0), True, id="no common commit: GitHub's time decides"),
        pytest.param((C, B, -5), (A, ZERO_SHA, 0), False, id="no common commit: GitHub's time decides against it"),
        pytest.param((C, B, 0), (A, ZERO_SHA, 0), False, id="no common commit, and the same time"),
    ],
)
def test_the_chain_of_commits_orders_pushes_and_then_githubs_time(
    one: tuple[str, str, float], other: tuple[str, str, float], *, newer: bool
) -> None:
    assert is_newer(moved(*one), than=moved(*other)) is newer


@given(
    shas=st.lists(st.sampled_from([A, B, C, D]), min_size=2, max_size=2),
    befores=st.lists(st.sampled_from([ZERO_SHA, A, B, C, D]), min_size=2, max_size=2),
    seconds=st.lists(st.integers(-5, 5), min_size=2, max_size=2),
)
def test_at_most_one_of_two_pushes_is_newer(shas: list[str], befores: list[str], seconds: list[int]) -> None:
    one, other = (moved(sha, before, second) for sha, before, second in zip(shas, befores, seconds, strict=True))
    assert not (is_newer(one, than=other) and is_newer(other, than=one))
    assert not is_newer(one, than=one)


@pytest.mark.parametrize(("seconds", "newer"), [(-60, False), (0, False), (60, True)])
def test_a_push_from_the_recorded_commit_to_one_that_was_replaced_is_newer_only_by_githubs_time(
    seconds: float, *, newer: bool
) -> None:
    stored = replace(record(0), older=(B, C))
    stored = replace(stored, push=replace(stored.push, sha=Sha(A), before=Sha(C), pushed_at=at(0)))
    found = replace(push(), sha=Sha(B), before=Sha(A), pushed_at=at(seconds))
    assert is_newer_than_known(found, known=stored) is newer


def test_a_record_keeps_the_last_commits_that_were_replaced() -> None:
    stored = replace(record(0), older=tuple(f"{number:040x}" for number in range(10)))
    stored = replace(stored, push=replace(stored.push, sha=Sha(A), before=Sha(D)))
    newer = replace(push(), sha=Sha(B), before=Sha(A))
    found = known_older(stored, push=newer)
    assert len(found) == 10
    assert found[-2:] == (D, A)
    assert is_known_older(A, push=newer)
    assert is_known_older(D, push=newer, older=found)
    assert not is_known_older(B, push=newer, older=(*found, B))
    assert not is_known_older(ZERO_SHA, push=replace(newer, before=Sha(ZERO_SHA)))


@pytest.mark.parametrize(
    ("one", "known", "older", "doubtful"),
    [
        pytest.param((A, C, 60), (B, A, 0), (), True, id="back to the replaced commit, past a push that was not seen"),
        pytest.param((A, D, -60), (B, A, 0), (), False, id="an older webhook comes again"),
        pytest.param((B, A, 60), (A, D, 0), (), False, id="the next push"),
        pytest.param((B, A, -60), (A, D, 0), (), True, id="it replaced the recorded commit, but came before it"),
        pytest.param((A, B, 60), (B, A, 0), (), False, id="each replaced the other's commit: the times decide"),
        pytest.param((A, D, 60), (A, D, 0), (), True, id="there again, or one push that came twice"),
        pytest.param((A, D, 2), (A, D, 0), (), False, id="GitHub's two times of one push"),
        pytest.param((A, D, -60), (A, D, 0), (), False, id="the same push comes again"),
        pytest.param((D, C, 60), (A, ZERO_SHA, 0), (C,), True, id="on a commit that was restored"),
        pytest.param((D, C, -60), (A, ZERO_SHA, 0), (C,), False, id="a push before the head of unknown origin"),
        pytest.param((D, C, 60), (A, ZERO_SHA, 0), (B,), False, id="on a commit that nobody knows"),
        pytest.param((ZERO_SHA, A, -60), (A, ZERO_SHA, 0), (), True, id="an old deletion of a restored branch"),
        pytest.param((ZERO_SHA, A, 60), (A, ZERO_SHA, 0), (), False, id="the end of the recorded commit"),
        pytest.param((ZERO_SHA, A, 60), (ZERO_SHA, A, 0), (), False, id="a second end of one commit: the times decide"),
        pytest.param((C, D, 60), (A, B, 0), (), False, id="no common commit"),
        pytest.param((A, C, 0), (B, A, 0), (), False, id="of one second: the commits decide"),
        pytest.param((B, A, 0), (A, D, 0), (), False, id="the next push, in the same second"),
        pytest.param((D, C, 0), (A, ZERO_SHA, 0), (C,), False, id="of one second as the head of unknown origin"),
        pytest.param((A, D, 60), (A, C, 0), (), False, id="the commit again, from another one"),
        pytest.param((C, D, 60), (B, D, 0), (), False, id="another commit that replaced the same one"),
    ],
)
def test_the_order_is_doubtful_if_the_commits_and_the_times_contradict_each_other(
    one: tuple[str, str, float], known: tuple[str, str, float], older: tuple[str, ...], *, doubtful: bool
) -> None:
    assert is_order_doubtful(moved(*one), known=moved(*known), older=older) is doubtful


@pytest.mark.parametrize(
    ("one", "known", "older", "newer"),
    [
        pytest.param((B, A, -60), (A, D, 0), (), True, id="it replaced the recorded commit, at any time"),
        pytest.param((C, D, 60), (A, B, 0), (), True, id="no common commit: it came later"),
        pytest.param((C, D, -60), (A, B, 0), (), False, id="no common commit: it came earlier"),
        pytest.param((A, C, 60), (B, A, 0), (), True, id="back to the replaced commit: only GitHub's list decides"),
        pytest.param((A, C, -60), (B, A, 0), (), False, id="an older webhook of the replaced commit"),
        pytest.param((A, D, 60), (A, D, 0), (), True, id="there again, or one push that came twice"),
        pytest.param((A, D, 0), (A, D, 0), (), False, id="the same push"),
        pytest.param((D, C, 60), (A, ZERO_SHA, 0), (C,), True, id="on a commit that was restored"),
        pytest.param((D, C, -60), (A, ZERO_SHA, 0), (C,), False, id="a push before the head of unknown origin"),
        pytest.param((C, A, 60), (A, B, 0), (C,), True, id="forced back to a commit that was replaced"),
        pytest.param((C, A, -60), (A, B, 0), (C,), False, id="an old webhook of a commit that was replaced"),
    ],
)
def test_a_push_may_be_newer_if_the_commits_or_a_doubtful_order_say_so(
    one: tuple[str, str, float], known: tuple[str, str, float], older: tuple[str, ...], *, newer: bool
) -> None:
    assert may_be_newer(moved(*one), known=FinishedPush(push=moved(*known), older=older)) is newer


@dataclass(frozen=True, slots=True)
class Listed:
    """A push in GitHub's list."""

    before: str
    sha: str
    at: datetime


def listed(*pushes: tuple[str, str, float]) -> list[Listed]:
    """GitHub's list, the newest first, of (commit, replaced commit, seconds)."""
    return [Listed(before=before, sha=sha, at=at(seconds)) for sha, before, seconds in pushes]


HISTORY = listed((A, C, 30), (C, B, 20), (B, A, 10), (A, ZERO_SHA, 0))


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        pytest.param((A, C, 30), (B, A, 10), True, id="back to the first commit"),
        pytest.param((B, A, 10), (A, C, 30), False, id="a push that came again after that"),
        pytest.param((C, B, 90), (A, C, 30), False, id="a time that is much too late does not count"),
        pytest.param((A, C, 30), (A, C, 30), False, id="one push that came twice"),
        pytest.param((C, ZERO_SHA, 20), (B, A, 10), True, id="a push that does not name what it replaced"),
        pytest.param((D, A, 40), (A, C, 30), None, id="a push that is not listed yet"),
        pytest.param((A, C, 30), (D, A, 40), None, id="a recorded push that is not listed"),
    ],
)
def test_githubs_list_orders_two_pushes(
    one: tuple[str, str, float], other: tuple[str, str, float], *, newer: bool | None
) -> None:
    assert is_listed_newer(moved(*one), than=moved(*other), listed=HISTORY) is newer


def test_a_push_is_found_in_githubs_list_by_its_commits() -> None:
    assert find_listed(moved(C, B, 90), listed=HISTORY) == Listed(before=B, sha=C, at=at(20))
    assert find_listed(moved(C, A, 20), listed=HISTORY) is None
    assert find_listed(moved(C, B, 20), listed=[]) is None


def test_of_several_listed_pushes_between_the_same_commits_the_nearest_in_time_counts() -> None:
    history = listed((B, A, 40), (A, B, 20), (B, A, 0))
    first, second = moved(B, A, 1), moved(B, A, 39)
    assert is_listed_newer(second, than=first, listed=history) is True
    assert is_listed_newer(first, than=second, listed=history) is False
    assert is_listed_newer(second, than=moved(A, B, 20), listed=history) is True


@pytest.mark.parametrize(
    ("head", "push_", "newer"),
    [
        pytest.param(A, (B, A, 10), True, id="forced back to a replaced commit"),
        pytest.param(B, (A, C, 30), False, id="an old head after that"),
        pytest.param(C, (B, A, 10), True, id="the next push"),
        pytest.param(B, (C, B, 20), False, id="the head before"),
        pytest.param(D, (C, B, 20), None, id="a head that is not listed"),
        pytest.param(A, (D, C, 25), True, id="the push is not listed, and the latest one is later"),
        pytest.param(A, (D, A, 40), None, id="the push is not listed yet"),
        pytest.param(A, (D, A, 30), None, id="the push is not listed yet, of the same second"),
        pytest.param(B, (B, A, 10), False, id="the push itself"),
        pytest.param(B, (D, A, 5), None, id="the push is not listed, and the head is not the latest"),
    ],
)
def test_githubs_list_says_whether_a_head_is_newer_than_a_push(
    head: str, push_: tuple[str, str, float], *, newer: bool | None
) -> None:
    assert is_head_listed_newer(head, push=moved(*push_), listed=HISTORY) is newer


def test_a_head_that_was_replaced_before_the_list_begins_is_older() -> None:
    assert is_head_listed_newer(D, push=moved(B, A, 10), listed=listed((B, A, 10), (A, D, 0))) is False
    assert is_head_listed_newer(D, push=moved(B, A, 10), listed=[]) is None

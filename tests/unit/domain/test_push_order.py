"""Which of two pushes to one ref is newer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.domain.push import ZERO_SHA, Sha
from steps.domain.push_order import is_known_older, is_newer, is_newer_than_known, known_older
from tests.support.pushes import at, push, record

A, B, C, D = (letter * 40 for letter in "abcd")


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
    pushes = [
        replace(push(), sha=Sha(sha), before=Sha(before), pushed_at=at(seconds))
        for sha, before, seconds in (one, other)
    ]
    assert is_newer(pushes[0], than=pushes[1]) is newer


@given(
    shas=st.lists(st.sampled_from([A, B, C, D]), min_size=2, max_size=2),
    befores=st.lists(st.sampled_from([ZERO_SHA, A, B, C, D]), min_size=2, max_size=2),
    seconds=st.lists(st.integers(-5, 5), min_size=2, max_size=2),
)
def test_at_most_one_of_two_pushes_is_newer(shas: list[str], befores: list[str], seconds: list[int]) -> None:
    one, other = (
        replace(push(), sha=Sha(sha), before=Sha(before), pushed_at=at(second))
        for sha, before, second in zip(shas, befores, seconds, strict=True)
    )
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

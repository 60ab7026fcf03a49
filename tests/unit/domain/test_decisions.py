"""The rules as tables, with the cases that other systems learned the hard way, and as properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.domain.decisions import (
    AgentPolicy,
    Resume,
    RunAction,
    RunFacts,
    Start,
    Superseded,
    decide_claim,
    decide_labels,
    decide_run,
    is_known_older,
    is_newer,
    known_older,
    push_watermark,
    raised_watermark,
)
from steps.domain.push import ZERO_SHA, Push, Sha
from steps.domain.record import LabelOutcome, Phase, PullRequest, Record
from tests.support import factories

T0 = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
POLICY = AgentPolicy(
    cancellable=("5DLabs-Cleo", "5DLabs-Tess"), exempt=("5DLabs-Rex",), finished=("Succeeded", "Failed")
)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def push(sha: str = "b" * 40, *, pushed: float = 0) -> Push:
    return replace(factories.push(at=at(pushed)), sha=Sha(sha))


def record(
    watermark: float,
    *,
    phase: Phase = Phase.COMPLETED,
    labels: LabelOutcome = LabelOutcome.MOVED,
    sha: str = "a" * 40,
    pushed: float | None = None,
) -> Record:
    of = push(sha, pushed=watermark if pushed is None else pushed)
    return factories.record(of, watermark=at(watermark), phase=phase, labels=labels)


def run(created: float = -10, **changes: object) -> RunFacts:
    _, found = factories.run(created_at=at(created))
    return replace(found.facts, **changes)  # type: ignore[arg-type]


# Runs.


@pytest.mark.parametrize(
    ("facts", "action", "reason"),
    [
        pytest.param(run(), RunAction.CANCEL, "stale", id="a run from before the push"),
        pytest.param(run(0), RunAction.CANCEL, "stale", id="a run of the same second: created at the watermark"),
        pytest.param(run(1), RunAction.KEEP, "newer than the push", id="a run from after the push"),
        pytest.param(run(phase=""), RunAction.CANCEL, "stale", id="a run without status has not started"),
        pytest.param(run(phase="Pending"), RunAction.CANCEL, "stale", id="a pending run"),
        pytest.param(run(phase="Succeeded"), RunAction.KEEP, "finished", id="Prow: completed jobs are left alone"),
        pytest.param(run(phase="Failed"), RunAction.KEEP, "finished", id="a failed run"),
        pytest.param(run(agent="5DLabs-Rex"), RunAction.KEEP, "exempt agent", id="the agent that pushed"),
        pytest.param(
            run(agent="5DLabs-Nova"), RunAction.KEEP, "agent is not listed as cancellable", id="an agent nobody listed"
        ),
        pytest.param(run(agent=""), RunAction.KEEP, "names no agent", id="a run that names no agent"),
        pytest.param(run(repository=""), RunAction.KEEP, "names no repository", id="a run that names no repository"),
        pytest.param(
            run(repository="o/other"),
            RunAction.KEEP,
            "belongs to another repository",
            id="Pipelines-as-Code #1826: same task number elsewhere",
        ),
        pytest.param(
            run(repository="O/R"), RunAction.CANCEL, "stale", id="GitHub does not tell repositories apart by case"
        ),
        pytest.param(run(deleting=True), RunAction.AWAIT, "being deleted already", id="no second delete"),
        pytest.param(
            run(sha="b" * 40),
            RunAction.KEEP,
            "works on the head",
            id="GitLab !259960: force-pushed back to this commit",
        ),
        pytest.param(run(sha="e" * 40), RunAction.CANCEL, "stale", id="a run that names an older commit"),
        pytest.param(
            run(deleting=True, phase="Succeeded"), RunAction.KEEP, "finished", id="finished and being tidied away"
        ),
    ],
)
def test_a_run_is_judged_by_what_it_says_of_itself(facts: RunFacts, action: RunAction, reason: str) -> None:
    verdict = decide_run(facts, policy=POLICY, repository="o/r", watermark=T0, head_sha="b" * 40)
    assert (verdict.action, verdict.reason) == (action, reason)


def test_a_star_makes_every_agent_cancellable_but_the_exempt() -> None:
    policy = replace(POLICY, cancellable=("*",))
    verdicts = {
        agent: decide_run(run(agent=agent), policy=policy, repository="o/r", watermark=T0, head_sha="").action
        for agent in ("5DLabs-Nova", "5DLabs-Rex", "")
    }
    assert verdicts == {"5DLabs-Nova": RunAction.CANCEL, "5DLabs-Rex": RunAction.KEEP, "": RunAction.KEEP}


@given(
    created=st.integers(-1000, 1000),
    watermark=st.integers(-1000, 1000),
    agent=st.sampled_from(["5DLabs-Rex", "5DLabs-Tess", "5DLabs-Nova", ""]),
    phase=st.sampled_from(["", "Pending", "Running", "Succeeded"]),
    sha=st.sampled_from(["", "b" * 40, "c" * 40]),
    deleting=st.booleans(),
)
def test_nothing_newer_exempt_or_on_the_head_is_ever_cancelled(
    created: int, watermark: int, agent: str, phase: str, sha: str, *, deleting: bool
) -> None:
    facts = run(created, agent=agent, phase=phase, sha=sha, deleting=deleting)
    verdict = decide_run(facts, policy=POLICY, repository="o/r", watermark=at(watermark), head_sha="b" * 40)
    if created > watermark or agent != "5DLabs-Tess" or sha == "b" * 40:
        assert verdict.action is RunAction.KEEP
    elif phase != "Succeeded":
        assert verdict.stale


# The watermark.


@pytest.mark.parametrize(
    ("created", "pushed", "offset", "expected"),
    [
        pytest.param(5, 0, 0, -2, id="equal clocks: a run of the same two seconds may be on either side of the push"),
        pytest.param(3600, 0, 0, -2, id="a redelivery an hour late reaches no further than the push"),
        pytest.param(3600, 0, 20, 18, id="the API server's clock is ahead of GitHub's"),
        pytest.param(3600, 0, -20, -22, id="the API server's clock is behind GitHub's"),
        pytest.param(0, 30, 0, 0, id="never later than the Workflow itself"),
    ],
)
def test_the_watermark_is_the_push_carried_over_to_the_api_servers_clock(
    created: float, pushed: float, offset: float, expected: float
) -> None:
    assert push_watermark(created_at=at(created), pushed_at=at(pushed), offset_s=offset) == at(expected)


def test_a_watermark_is_in_utc_wherever_the_push_was_stamped() -> None:
    pushed_at = T0.astimezone(timezone(timedelta(hours=9)))
    assert push_watermark(created_at=at(5), pushed_at=pushed_at, offset_s=0).tzinfo is UTC


# Which of two pushes of one ref is newer.

A, B, C, D = (letter * 40 for letter in "abcd")


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        pytest.param((B, A, 0), (A, ZERO_SHA, 0), True, id="it replaced the other's commit, in the same second"),
        pytest.param((B, A, -60), (A, ZERO_SHA, 0), True, id="it replaced the other's commit: the time is not asked"),
        pytest.param((A, ZERO_SHA, 60), (B, A, 0), False, id="the other one replaced it, whatever the time says"),
        pytest.param((A, ZERO_SHA, 60), (A, ZERO_SHA, 0), False, id="the same commit is the same push"),
        pytest.param((A, D, 1), (A, D, 0), False, id="GitHub's two times of one push differ by a second"),
        pytest.param((A, ZERO_SHA, 60), (A, D, 0), False, id="a person submits the recorded commit again"),
        pytest.param((A, B, 60), (B, A, 0), True, id="a branch is forced back to the commit before"),
        pytest.param((A, B, 60), (A, D, 0), True, id="a branch is forced back, and the push in between was lost"),
        pytest.param((A, D, 0), (A, B, 60), False, id="the first of two pushes of one commit comes again"),
        pytest.param((C, B, 5), (A, ZERO_SHA, 0), True, id="the chain is silent: GitHub's time decides"),
        pytest.param((C, B, -5), (A, ZERO_SHA, 0), False, id="the chain is silent: GitHub's time decides against it"),
        pytest.param((C, B, 0), (A, ZERO_SHA, 0), False, id="the chain is silent, and the time as well"),
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
def test_of_two_pushes_at_most_one_is_newer_unless_each_replaced_the_other(
    shas: list[str], befores: list[str], seconds: list[int]
) -> None:
    one, other = (
        replace(push(), sha=Sha(sha), before=Sha(before), pushed_at=at(second))
        for sha, before, second in zip(shas, befores, seconds, strict=True)
    )
    both = is_newer(one, than=other) and is_newer(other, than=one)
    assert not both or (one.before == other.sha and other.before == one.sha)
    assert not is_newer(one, than=one)


def test_a_record_knows_the_last_commits_that_were_replaced() -> None:
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


# The claim.


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
def test_a_record_decides_what_an_event_means(
    stored: Record, sha: str, pushed: float, expected: type, late: float
) -> None:
    claim = decide_claim(stored, push=push(sha, pushed=pushed), watermark=at(pushed + late))
    assert isinstance(claim, expected)
    if not isinstance(claim, Superseded) and pushed <= 0:
        assert claim.watermark == stored.watermark, "only a newer push may raise the watermark"


def test_resuming_works_for_the_newer_of_the_two_pushes() -> None:
    crashed = record(0, phase=Phase.IN_PROGRESS)
    older, newer = push("b" * 40, pushed=-9), push("c" * 40, pushed=9)
    assert decide_claim(crashed, push=older, watermark=at(30)) == Resume(push=crashed.push, watermark=at(0))
    assert decide_claim(crashed, push=newer, watermark=at(10)) == Resume(push=newer, watermark=at(10))


def test_a_newer_push_whose_workflow_was_made_first_keeps_the_watermark() -> None:
    newer = push(pushed=3)
    assert decide_claim(record(6, pushed=0), push=newer, watermark=at(4)) == Start(push=newer, watermark=at(6))


@pytest.mark.parametrize(("pushed", "expected"), [(1, 20), (0, 6), (-1, 6)], ids=["newer", "the same second", "older"])
def test_a_push_that_takes_a_record_over_raises_its_watermark_only_if_it_is_newer(
    pushed: float, expected: float
) -> None:
    assert raised_watermark(record(6, pushed=0), push=push(pushed=pushed), watermark=at(20)) == at(expected)


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
def test_an_event_that_was_dealt_with_is_superseded_however_late_it_comes_again(
    stored: Record | None, pushed: int, late: int, again: int
) -> None:
    claim = decide_claim(stored, push=push(pushed=pushed), watermark=at(pushed + late))
    if isinstance(claim, Start):
        done = replace(record(0), push=claim.push, watermark=claim.watermark)
        assert isinstance(decide_claim(done, push=push(pushed=pushed), watermark=at(pushed + late + again)), Superseded)


@given(
    pushes=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), min_size=1, max_size=4, unique_by=lambda p: p[0])
)
def test_whatever_the_order_of_events_the_newest_push_has_the_last_word(pushes: list[tuple[int, int]]) -> None:
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


# The labels.


def pull(number: int, sha: str = "b" * 40, *labels: str) -> PullRequest:
    return PullRequest(number=number, head_sha=sha, labels=labels)


@pytest.mark.parametrize(
    ("candidates", "expected", "number"),
    [
        pytest.param([], LabelOutcome.NO_PULL_REQUEST, None, id="no open pull request"),
        pytest.param([pull(1)], LabelOutcome.PENDING, 1, id="one, and the push is its head"),
        pytest.param([pull(1, "c" * 40)], LabelOutcome.HEAD_MOVED, 1, id="one, but a newer push is its head"),
        pytest.param(
            [pull(1, "b" * 40, "Skip-Automation")], LabelOutcome.SKIPPED, 1, id="a person's stop sign, in any case"
        ),
        pytest.param([pull(1), pull(2)], LabelOutcome.AMBIGUOUS, None, id="two, and nothing tells them apart"),
        pytest.param(
            [pull(1), pull(2, "b" * 40, "task-7")], LabelOutcome.PENDING, 2, id="two, one of them is the task's"
        ),
        pytest.param(
            [pull(1, "b" * 40, "skip-automation"), pull(2, "b" * 40, "task-7")],
            LabelOutcome.SKIPPED,
            1,
            id="two, and a stop sign on either",
        ),
    ],
)
def test_the_pull_request_decides_about_its_labels(
    candidates: list[PullRequest], expected: LabelOutcome, number: int | None
) -> None:
    plan = decide_labels(candidates, push=push(), skip="skip-automation", task_label="task-7")
    assert plan.labels is expected
    assert (plan.pull_request.number if plan.pull_request else None) == number
    assert plan.left_to == ("c" * 40 if expected is LabelOutcome.HEAD_MOVED else ""), (
        "the newer push settles its labels"
    )

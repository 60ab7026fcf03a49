"""What is a finding and what is not, as tables over plain values, and as properties of whole surveys."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.decisions import Facts
from steps.document import Document, read_document, task_of
from steps.findings import Kind, find
from steps.hold import repository_label
from steps.lease import lease_name
from steps.ledger import Ledger
from steps.look import Look
from steps.plan import Action, healthy, plan
from steps.push import Push, Repository, Sha, TaskId
from steps.record import Labels, Phase, Record
from steps.retention import outdated
from steps.runs import Run
from steps.survey import Survey
from steps.tries import Tries
from tests.scene import DEFAULTS

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
OWN = Repository("o/r")
POD = ("pod", "uid")
HOLDER = "workflow/uid/pod"
RULES = DEFAULTS.reconcile
TESS, REX = "5DLabs-Tess", "5DLabs-Rex"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def push(task: str = "7", *, sha: str = "a", at: datetime | None = None, repository: str = OWN) -> Push:
    return Push(
        repository=Repository(repository),
        task=TaskId(task),
        ref=f"refs/heads/task-{task}",
        sha=Sha(sha * 40),
        pushed_at=at or ago(1000),
        correlation_id="d",
        reason="push",
        dry_run=False,
        requested_by="x",
    )


def record(of: Push, **changes: Any) -> Record:  # noqa: ANN401 - passed on
    values: dict[str, Any] = {
        "push": of,
        "watermark": of.pushed_at,
        "phase": Phase.COMPLETED,
        "attempts": 1,
        "workflow": "w",
        "workflow_uid": "u",
        "started_at": of.pushed_at,
        "labels": Labels.MOVED,
    }
    return Record(**(values | changes))


def ledger(task: str = "7", **changes: Any) -> Ledger:  # noqa: ANN401 - passed on
    values: dict[str, Any] = {
        "name": lease_name(repository=OWN, task=TaskId(task)),
        "uid": "lease",
        "resource_version": "1",
        "task": task,
        "epoch": 3,
        "holder": "",
        "renewed_at": ago(900),
        "record": record(push(task)),
        "problem": "",
        "tries": Tries(),
        "handed_over": False,
    }
    return Ledger(**(values | changes))


def run(
    task: str = "7",
    *,
    created_at: datetime | None = None,
    agent: str = TESS,
    phase: str = "Running",
    sha: str = "",
    deleting: bool = False,
    repository: str = OWN,
) -> tuple[str, Run]:
    facts = Facts(
        created_at=created_at or ago(2000), deleting=deleting, repository=repository, agent=agent, phase=phase, sha=sha
    )
    return task, Run(
        kind=DEFAULTS.agents[0],
        object_kind="CodeRun",
        name=f"run-{agent}",
        uid="r",
        resource_version="1",
        job="",
        facts=facts,
    )


def document(task: str = "7", **changes: Any) -> Document:  # noqa: ANN401 - passed on
    values: dict[str, Any] = {"name": f"task-{task}-state", "task": task, "flag": False, "corrupt": False}
    return Document(**(values | {"aside": False, "updated_at": ago(900)} | changes))


def kinds(**survey: Any) -> list[Kind]:  # noqa: ANN401 - passed on
    return [finding.kind for finding in find(Survey(now=NOW, **survey), settings=DEFAULTS)]


DONE = record(push())
IN_PROGRESS = replace(DONE, phase=Phase.IN_PROGRESS)
FAILED = replace(DONE, phase=Phase.FAILED)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"record": IN_PROGRESS, "holder": HOLDER}, [Kind.STUCK], id="its pod is gone"),
        pytest.param({"record": IN_PROGRESS}, [Kind.STUCK], id="nobody holds it"),
        pytest.param({"record": IN_PROGRESS, "holder": "someone//"}, [Kind.STUCK], id="a laptop fell silent"),
        pytest.param({"record": IN_PROGRESS, "renewed_at": ago(299)}, [], id="not for long enough"),
        pytest.param({"record": IN_PROGRESS, "renewed_at": None}, [Kind.STUCK], id="never renewed"),
        pytest.param({"record": IN_PROGRESS, "renewed_at": ago(-20)}, [], id="a clock within tolerance ahead"),
        pytest.param(
            {"record": IN_PROGRESS, "renewed_at": ago(-3600)},
            [Kind.STUCK, Kind.WRONG_CLOCK],
            id="clock an hour ahead",
        ),
        pytest.param({"record": FAILED, "renewed_at": ago(1)}, [Kind.FAILED], id="failed a moment ago"),
        pytest.param({"record": FAILED, "holder": HOLDER}, [Kind.FAILED], id="failed, holder gone"),
        pytest.param({"holder": HOLDER, "renewed_at": ago(61)}, [Kind.ORPHANED_LOCK], id="finished and held"),
        pytest.param({"holder": HOLDER, "renewed_at": ago(59)}, [], id="finished and held a moment ago"),
        pytest.param({"record": None, "holder": HOLDER}, [Kind.ORPHANED_LOCK], id="no record and held"),
        pytest.param({"record": None}, [], id="no record and free"),
        pytest.param({"record": None, "problem": "wrong: x"}, [Kind.UNREADABLE_RECORD], id="unreadable"),
        pytest.param({"record": replace(DONE, labels=Labels.UNREADABLE)}, [Kind.HALF_MOVED], id="GitHub was down"),
        pytest.param(
            {"record": replace(DONE, labels=Labels.HEAD_MOVED, left_to="c" * 40)},
            [Kind.HALF_MOVED],
            id="left to none",
        ),
        pytest.param(
            {"record": replace(DONE, labels=Labels.HEAD_MOVED, left_to="c" * 40), "renewed_at": ago(119)},
            [],
            id="left to a push that may come",
        ),
        pytest.param({"record": replace(DONE, labels=Labels.SKIPPED)}, [], id="skip label"),
        pytest.param({"record": replace(DONE, labels=Labels.NO_PULL_REQUEST)}, [], id="no pull request"),
        pytest.param({"record": replace(DONE, labels=Labels.AMBIGUOUS)}, [], id="two pull requests"),
    ],
)
def test_what_a_lease_tells(given_: dict[str, Any], expected: list[Kind]) -> None:
    assert kinds(ledgers=(ledger(**given_),)) == expected


@pytest.mark.parametrize("state", [IN_PROGRESS, FAILED, replace(DONE, labels=Labels.UNREADABLE)])
def test_a_task_that_somebody_works_on_is_no_finding(state: Record) -> None:
    held = ledger(record=state, holder=HOLDER, renewed_at=ago(299))
    assert kinds(ledgers=(held,), pods=frozenset({POD})) == []
    silent = replace(held, renewed_at=ago(300))
    assert kinds(ledgers=(silent,), pods=frozenset({POD})) != [], "its node may be unreachable"
    free = ledger(record=state)
    assert kinds(ledgers=(free,), busy=frozenset({("7", "")})) == []
    assert kinds(ledgers=(free,), busy=frozenset({("7", repository_label(OWN))})) == []
    assert kinds(ledgers=(free,), busy=frozenset({("7", "other.repository"), ("8", "")})) != []


def test_a_laptop_is_at_work_until_it_was_silent_for_twice_the_duration_of_its_lease() -> None:
    look, silent_s = Look.at(Survey(now=NOW), settings=DEFAULTS), 2 * DEFAULTS.lease.duration_s
    assert look.is_held(ledger(holder="someone//", renewed_at=ago(silent_s - 1)))
    assert not look.is_held(ledger(holder="someone//", renewed_at=ago(silent_s)))


def test_a_clock_is_ahead_by_more_than_the_tolerance() -> None:
    look, tolerated_s = Look.at(Survey(now=NOW), settings=DEFAULTS), DEFAULTS.push.tolerance_s
    assert not look.is_ahead(ledger(renewed_at=ago(-tolerated_s)))
    assert look.is_ahead(ledger(renewed_at=ago(-tolerated_s - 1)))


@pytest.mark.parametrize(
    ("given_", "stale"),
    [
        ({}, True),
        ({"phase": ""}, True),
        ({"created_at": ago(1000)}, True),
        ({"created_at": ago(999)}, False),
        ({"agent": REX}, False),
        ({"agent": "unheard-of"}, False),
        ({"phase": "Succeeded"}, False),
        ({"sha": "a" * 40}, False),
        ({"sha": "b" * 40}, True),
        ({"deleting": True}, False),
        ({"repository": "o/other"}, False),
        ({"repository": ""}, False),
        ({"task": "8"}, False),
    ],
)
def test_a_run_that_should_be_gone_is_found_and_no_other(given_: dict[str, Any], *, stale: bool) -> None:
    found = kinds(ledgers=(ledger(),), runs=(run(**given_),))
    assert found == ([Kind.LIVE_STALE] if stale else [])
    skipped = ledger(record=replace(DONE, labels=Labels.SKIPPED))
    assert kinds(ledgers=(skipped,), runs=(run(**given_),)) == []


@pytest.mark.parametrize(
    ("known", "lost"),
    [
        (None, True),
        ({}, True),
        ({"record": record(push(sha="n", at=ago(500)))}, False),
        ({"record": record(push(sha="n", at=ago(501)))}, False),
        ({"record": record(push(sha="z", at=ago(400)))}, False),
        ({"record": record(push(sha="z", at=ago(500)))}, False),
        ({"record": IN_PROGRESS}, True),
        ({"record": FAILED}, True),
        ({"record": replace(DONE, labels=Labels.SKIPPED)}, True),
        ({"record": IN_PROGRESS, "holder": "someone//", "renewed_at": ago(5)}, False),
    ],
)
def test_a_push_is_lost_if_the_record_is_of_an_earlier_one(known: dict[str, Any] | None, *, lost: bool) -> None:
    ledgers = () if known is None else (ledger(**known),)
    pushes = (push(sha="n", at=ago(500)),)
    # Of agents that started between the two pushes, so that the record itself finds nothing wrong.
    found = kinds(ledgers=ledgers, pushes=pushes, runs=(run(created_at=ago(600)),))
    assert (Kind.LOST_PUSH in found) is lost
    assert not lost or found == [Kind.LOST_PUSH], "one Workflow is enough"


@pytest.mark.parametrize("change", [{"created_at": ago(400)}, {"agent": REX}, {"sha": "n" * 40}, {"phase": "Failed"}])
def test_a_push_that_nobody_works_against_is_not_lost(change: dict[str, Any]) -> None:
    assert kinds(pushes=(push(sha="n", at=ago(500)),), runs=(run(**change),)) == []


def test_a_push_is_given_time_to_come_and_a_workflow_to_work() -> None:
    assert kinds(pushes=(push(sha="n", at=ago(119)),), runs=(run(),)) == []
    assert kinds(pushes=(push(sha="n", at=ago(120)),), runs=(run(),)) == [Kind.LOST_PUSH]
    assert kinds(pushes=(push(sha="n", at=ago(500)),), runs=(run(),), busy=frozenset({("7", "")})) == []
    unreadable = ledger(record=None, problem="wrong: x")
    found = kinds(pushes=(push(sha="n", at=ago(500)),), runs=(run(),), ledgers=(unreadable,))
    assert found == [Kind.UNREADABLE_RECORD], "a Workflow could not read the record either"


@pytest.mark.parametrize(
    ("given_", "ledgers", "expected"),
    [
        ({"flag": True}, (), [Kind.STRAY_FLAG]),
        ({"flag": True}, (ledger(),), [Kind.STRAY_FLAG]),
        ({"flag": True, "updated_at": None}, (), [Kind.STRAY_FLAG]),
        ({"flag": True, "updated_at": ago(299)}, (), []),
        ({"flag": True, "updated_at": ago(300)}, (), [Kind.STRAY_FLAG]),
        ({"flag": True}, (ledger(holder="someone//", renewed_at=ago(1)),), []),
        ({"flag": True}, (ledger(record=FAILED),), [Kind.FAILED]),
        ({"flag": True}, (ledger(record=IN_PROGRESS, holder="someone//", renewed_at=ago(1)),), []),
        ({"flag": True}, (ledger(record=None, problem="wrong: x"),), [Kind.UNREADABLE_RECORD]),
        ({"corrupt": True}, (), [Kind.CORRUPT_STATE]),
        ({}, (), []),
    ],
)
def test_what_a_state_document_tells(given_: dict[str, Any], ledgers: tuple[Ledger, ...], expected: list[Kind]) -> None:
    assert kinds(documents=(document(**given_),), ledgers=ledgers) == expected


def test_a_flag_is_left_to_the_workflow_that_will_come_and_to_the_one_that_is_there() -> None:
    flagged = {"documents": (document(flag=True),), "ledgers": (ledger(),)}
    assert kinds(**flagged, runs=(run(),)) == [Kind.LIVE_STALE]
    assert kinds(**flagged, busy=frozenset({("7", "other.repository")})) == []
    assert kinds(**flagged, busy=frozenset({("8", "")})) == [Kind.STRAY_FLAG]


def test_a_push_that_is_not_lost_hides_none_that_is() -> None:
    dealt_with, unreadable = push("8", sha="n", at=ago(500)), push("9", sha="n", at=ago(500))
    found = find(
        Survey(
            now=NOW,
            pushes=(dealt_with, unreadable, push(sha="n", at=ago(500))),
            runs=(run(), run("9")),
            ledgers=(ledger("9", record=None, problem="wrong: x"),),
        ),
        settings=DEFAULTS,
    )
    assert [(each.kind, each.task) for each in found] == [(Kind.LOST_PUSH, "7"), (Kind.UNREADABLE_RECORD, "9")]


LEFT = replace(DONE, labels=Labels.HEAD_MOVED, left_to="c" * 40)
LOST = push(sha="n", at=ago(500))


@pytest.mark.parametrize(
    ("survey", "expected"),
    [
        (
            {"ledgers": (ledger(record=replace(FAILED, errors=("first", "second", "last: reason"))),)},
            (Kind.FAILED, FAILED.push, "failed, and no Workflow goes on: last: reason", ""),
        ),
        (
            {"ledgers": (ledger(record=FAILED),)},
            (Kind.FAILED, FAILED.push, "failed, and no Workflow goes on: no reason given", ""),
        ),
        (
            {"ledgers": (ledger(record=IN_PROGRESS),)},
            (Kind.STUCK, DONE.push, f"in progress since {ago(1000).isoformat()}, and nobody is at work", ""),
        ),
        (
            {"ledgers": (ledger(),), "runs": (run(),)},
            (Kind.LIVE_STALE, DONE.push, "completed, but still at work: run-5DLabs-Tess", ""),
        ),
        (
            {"ledgers": (ledger(record=replace(DONE, labels=Labels.UNREADABLE)),)},
            (Kind.HALF_MOVED, DONE.push, "GitHub could not be read: labels stayed", ""),
        ),
        (
            {"ledgers": (ledger(record=LEFT),)},
            (
                Kind.HALF_MOVED,
                replace(DONE.push, sha=Sha("c" * 40)),
                "labels were left to cccccccccccc, whose push never came",
                "",
            ),
        ),
        (
            {"ledgers": (ledger(holder=HOLDER),)},
            (Kind.ORPHANED_LOCK, None, f"held by {HOLDER}, which is gone", ""),
        ),
        (
            {"ledgers": (ledger(record=None, problem="not: read: delete it"),)},
            (Kind.UNREADABLE_RECORD, None, "not: read: delete it", "delete it"),
        ),
        (
            {"ledgers": (ledger(renewed_at=ago(-60)),)},
            (
                Kind.WRONG_CLOCK,
                None,
                f"last renewed in the future, at {ago(-60)}",
                "set the clock of the node that ran the task's last pod",
            ),
        ),
        (
            {"pushes": (LOST,), "runs": (run(),)},
            (
                Kind.LOST_PUSH,
                LOST,
                f"no Workflow came for nnnnnnnnnnnn, pushed {ago(500).isoformat()}; still at work: run-5DLabs-Tess",
                "",
            ),
        ),
        (
            {"documents": (document(flag=True),)},
            (
                Kind.STRAY_FLAG,
                None,
                "ConfigMap task-7-state says that a cancellation is in progress, and none is",
                "",
            ),
        ),
        (
            {"pushes": (LOST,), "runs": (run(created_at=ago(600)),), "ledgers": (ledger(),)},
            (
                Kind.LOST_PUSH,
                LOST,
                f"no Workflow came for nnnnnnnnnnnn, pushed {ago(500).isoformat()}; still at work: run-5DLabs-Tess",
                "",
            ),
        ),
        (
            {"documents": (document(flag=True),), "ledgers": (ledger(epoch=5), ledger(record=None, epoch=4))},
            (
                Kind.STRAY_FLAG,
                None,
                "ConfigMap task-7-state says that a cancellation is in progress, and none is",
                "",
            ),
        ),
        (
            {"documents": (document(corrupt=True),)},
            (
                Kind.CORRUPT_STATE,
                None,
                "the document in ConfigMap task-7-state is not a JSON object",
                "correct it by hand; a copy stands in the quarantine key beside it",
            ),
        ),
    ],
    ids=lambda given: str(given[0]) if isinstance(given, tuple) else "",
)
def test_a_finding_says_what_was_seen_what_to_submit_and_what_a_person_can_do(
    survey: dict[str, Any], expected: tuple[Kind, Push | None, str, str]
) -> None:
    (found,) = find(Survey(now=NOW, **survey), settings=DEFAULTS)
    assert (found.kind, found.push, found.detail, found.advice) == expected
    assert found.task == "7"
    assert found.repository == (OWN if found.push or (found.ledger and found.ledger.record) else "")
    assert found.ledger == next(iter(survey.get("ledgers", ())), None)
    assert found.document == next(iter(survey.get("documents", ())), None)


@pytest.mark.parametrize(
    ("count", "told"), [(2, "r, r"), (3, "r, r, r"), (4, "r, r, r and 1 more"), (9, "r, r, r and 6 more")]
)
def test_of_many_runs_three_are_named(count: int, told: str) -> None:
    task, one = run()
    survey = Survey(now=NOW, ledgers=(ledger(),), runs=((task, replace(one, name="r")),) * count)
    (found,) = find(survey, settings=DEFAULTS)
    assert found.detail == f"completed, but still at work: {told}"


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("task-7-state", "7"),
        ("task-07-state", ""),
        ("task-7-state-2", ""),
        ("my-task-7-state", ""),
        ("task--state", ""),
    ],
)
def test_a_state_document_is_known_by_its_name(name: str, task: str) -> None:
    assert task_of(name, rules=DEFAULTS.state) == task


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"text"', "[" * 100_000, '{"a":' * 100_000])
def test_a_document_that_is_no_object_is_corrupt(text: str) -> None:
    found = read_document("task-7-state", task="7", data={"state.json": text}, key="state.json")
    assert (found.corrupt, found.flag, found.aside) == (True, False, False)


# Properties.

TASKS = st.sampled_from(["1", "2", "3", "4"])
WHEN = st.integers(min_value=-100, max_value=5000).map(ago)
RECORDS = st.builds(
    lambda task, at, phase, labels: record(
        push(task, at=at), phase=phase, labels=labels, left_to="c" * 40 if labels is Labels.HEAD_MOVED else ""
    ),
    TASKS,
    WHEN,
    st.sampled_from(Phase),
    st.sampled_from(Labels),
)
LEDGERS = st.builds(
    lambda made, holder, renewed_at, tries, handed_over: ledger(
        made.push.task, record=made, holder=holder, renewed_at=renewed_at, tries=tries, handed_over=handed_over
    ),
    RECORDS,
    st.sampled_from(["", HOLDER, "workflow/gone/gone", "someone//"]),
    WHEN,
    st.builds(Tries, count=st.integers(0, 6), last_at=st.none() | WHEN),
    st.booleans(),
)
RUNS = st.builds(
    run,
    TASKS,
    created_at=WHEN,
    agent=st.sampled_from([TESS, REX, "unheard-of", ""]),
    phase=st.sampled_from(["", "Running", "Succeeded"]),
    sha=st.sampled_from(["", "a" * 40, "n" * 40]),
    deleting=st.booleans(),
    repository=st.sampled_from([OWN, "O/R", "o/other"]),
)
SURVEYS = st.builds(
    Survey,
    now=st.just(NOW),
    ledgers=st.lists(LEDGERS, max_size=4, unique_by=lambda each: each.task).map(tuple),
    busy=st.frozensets(st.tuples(TASKS, st.sampled_from(["", repository_label(OWN), "o.other"])), max_size=2),
    repairs=st.integers(0, 12),
    pods=st.sampled_from([frozenset(), frozenset({POD})]),
    runs=st.lists(RUNS, max_size=5).map(tuple),
    documents=st.lists(
        st.builds(document, TASKS, flag=st.booleans(), corrupt=st.booleans(), aside=st.booleans(), updated_at=WHEN),
        max_size=3,
        unique_by=lambda each: each.task,
    ).map(tuple),
    pushes=st.lists(
        st.builds(push, TASKS, sha=st.just("n"), at=WHEN), max_size=3, unique_by=lambda each: each.task
    ).map(tuple),
)


@given(SURVEYS)
def test_a_healthy_world_has_no_findings(survey: Survey) -> None:
    well = tuple(
        replace(each, holder="", renewed_at=ago(10), record=record(push(each.task, at=ago(6000))))
        for each in survey.ledgers
    )
    quiet = tuple(replace(each, flag=False, corrupt=False) for each in survey.documents)
    assert find(replace(survey, ledgers=well, documents=quiet, pushes=()), settings=DEFAULTS) == ()


@given(SURVEYS)
def test_looking_twice_or_in_another_order_finds_the_same(survey: Survey) -> None:
    found = find(survey, settings=DEFAULTS)
    shuffled = random.Random(1)  # noqa: S311 - no secret
    other = replace(
        survey,
        ledgers=tuple(shuffled.sample(survey.ledgers, len(survey.ledgers))),
        documents=tuple(shuffled.sample(survey.documents, len(survey.documents))),
        pushes=tuple(shuffled.sample(survey.pushes, len(survey.pushes))),
    )
    assert find(survey, settings=DEFAULTS) == found == find(other, settings=DEFAULTS)


@given(SURVEYS)
def test_runs_that_are_exempt_newer_or_on_the_head_are_never_a_finding(survey: Survey) -> None:
    newest = max((each.record.watermark for each in survey.ledgers if each.record), default=NOW)
    newest = max([newest, *(each.pushed_at for each in survey.pushes)])
    harmless = tuple(
        (task, each)
        for task, each in survey.runs
        if each.facts.agent == REX or each.facts.created_at > newest or each.facts.sha == "n" * 40
    )
    without = replace(survey, runs=())
    beside = replace(survey, runs=tuple(each for each in harmless if each[1].facts.sha != "n" * 40))
    assert find(beside, settings=DEFAULTS) == find(without, settings=DEFAULTS)
    assert not [each for each in find(replace(survey, runs=harmless), settings=DEFAULTS) if each.kind is Kind.LOST_PUSH]


@given(SURVEYS)
def test_a_task_at_work_is_never_repaired_and_no_task_twice(survey: Survey) -> None:
    submitted = [each for each in find(survey, settings=DEFAULTS) if each.push]
    for finding in submitted:
        assert (finding.task, "") not in survey.busy
        assert (finding.task, repository_label(finding.repository)) not in survey.busy
        if finding.ledger and finding.ledger.holder == HOLDER and POD in survey.pods:
            assert Look.at(survey, settings=DEFAULTS).is_silent(finding.ledger, RULES.stuck_after_s)
        assert (
            finding.ledger is None
            or not finding.ledger.record
            or finding.ledger.record.labels is not Labels.SKIPPED
            or (finding.kind is Kind.LOST_PUSH or not finding.ledger.record.finished)
        )
    assert len({(each.repository.casefold(), each.task) for each in submitted}) == len(submitted)


@given(SURVEYS)
def test_limits_are_kept(survey: Survey) -> None:
    findings = find(survey, settings=DEFAULTS)
    intents = plan(findings, survey=survey, rules=RULES)
    assert [intent.finding for intent in intents] == list(findings)
    started = [each for each in intents if each.action in (Action.SUBMIT, Action.REOPEN)]
    assert len(started) <= max(0, RULES.in_flight - survey.repairs)
    for intent in intents:
        known = intent.finding.ledger
        if known and not intent.finding.document and (known.handed_over or known.tries.count >= RULES.tries):
            assert intent.action in (Action.REPORT, Action.HAND_OVER, Action.WAIT)
    assert not {each.task for each in healthy(survey, findings)} & {each.task for each in findings if each.push}


@given(SURVEYS)
def test_once_everything_planned_is_done_nothing_is_left_but_what_a_person_has_to_mend(survey: Survey) -> None:
    """What a Workflow does is modelled: it finishes the record for its push and stops what is stale by it."""
    fresh = tuple(replace(each, tries=Tries(), handed_over=False) for each in survey.ledgers)
    survey = replace(survey, ledgers=fresh, repairs=0, busy=frozenset(), pods=frozenset())
    # Two passes: a task whose lock is orphaned is looked at more closely once it is free.
    for _ in range(2):
        findings = find(survey, settings=DEFAULTS)
        for intent in plan(findings, survey=survey, rules=replace(RULES, in_flight=100)):
            survey = mended(survey, intent.finding.task, of=intent.finding.push, action=intent.action)
    left = {finding.kind for finding in find(survey, settings=DEFAULTS)}
    assert left <= {Kind.WRONG_CLOCK, Kind.CORRUPT_STATE}


def mended(survey: Survey, task: str, *, of: Push | None, action: Action) -> Survey:
    def lease(each: Ledger) -> Ledger:
        if each.task != task or each.record is None:
            return each
        if of:
            last = max(of.pushed_at, each.record.push.pushed_at)
            made = record(replace(of, pushed_at=last), watermark=max(last, each.record.watermark))
            return replace(each, record=made, holder="")
        return replace(each, holder="") if action is Action.FREE else each

    touched = of is not None or action is Action.CLEAR
    documents = tuple(replace(each, flag=False) if each.task == task and touched else each for each in survey.documents)
    ledgers = tuple(map(lease, survey.ledgers))
    if of and task not in {each.task for each in ledgers}:
        ledgers = (*ledgers, ledger(task, record=record(of)))
    owned = {each.task: each.record for each in ledgers}
    runs = tuple(
        (number, each)
        for number, each in survey.runs
        if not (of and number == task and (made := owned[task]) and each.facts.created_at <= made.watermark)
    )
    return replace(survey, ledgers=ledgers, documents=documents, runs=runs)


@given(SURVEYS)
def test_no_lease_is_collected_that_anything_speaks_of(survey: Survey) -> None:
    rules = replace(DEFAULTS, reconcile=replace(RULES, keep_idle_days=1))
    later = replace(survey, now=NOW + timedelta(days=2))
    findings = find(later, settings=rules)
    for each in outdated(Look.at(later, settings=rules), findings):
        assert each.record
        assert each.record.finished
        assert not each.holder
        assert not each.handed_over
        assert each.task not in {task for task, _ in survey.runs} | {task for task, _ in survey.busy}
    assert not [*outdated(Look.at(replace(later, runs_known=False), settings=rules), findings)]

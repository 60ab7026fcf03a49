"""Properties of findings and repairs, for whole snapshots."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from steps.core.keys import repository_label
from steps.domain.push import Push
from steps.domain.record import LabelOutcome, Phase
from steps.observed_state.repair_attempts import RepairAttempts
from steps.observed_state.task_state import TaskState
from steps.reconciliation.detection import find_problems
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.garbage_collection import idle_leases
from steps.reconciliation.planning import RepairAction, healthy_tasks, plan_repairs
from steps.reconciliation.snapshot import ClusterSnapshot
from steps.reconciliation.task_index import TaskIndex
from tests.support.factories import (
    NOW,
    OWN,
    REX,
    RULES,
    TESS,
    ago,
    document,
    document_of,
    push,
    push_of,
    record,
    run,
    task_state,
)
from tests.support.harness import DEFAULTS
from tests.unit.reconciliation.findings import HOLDER, POD

TASKS = st.sampled_from(["1", "2", "3", "4"])
WHEN = st.integers(min_value=-100, max_value=5000).map(ago)

RECORDS = st.builds(
    lambda task, at, phase, labels: record(
        push(task, at=at), phase=phase, labels=labels, left_to="c" * 40 if labels is LabelOutcome.HEAD_MOVED else ""
    ),
    TASKS,
    WHEN,
    st.sampled_from(Phase),
    st.sampled_from(LabelOutcome),
)

STORED_RECORDS = st.builds(
    lambda made, holder, renewed_at, tries, escalated: task_state(
        made.push.task, record=made, holder=holder, renewed_at=renewed_at, attempts=tries, escalated=escalated
    ),
    RECORDS,
    st.sampled_from(["", HOLDER, "workflow/gone/gone", "someone//"]),
    WHEN,
    st.builds(RepairAttempts, count=st.integers(0, 6), last_at=st.none() | WHEN),
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

SNAPSHOTS = st.builds(
    ClusterSnapshot,
    now=st.just(NOW),
    task_states=st.lists(STORED_RECORDS, max_size=4, unique_by=lambda each: each.task).map(tuple),
    busy=st.frozensets(st.tuples(TASKS, st.sampled_from(["", repository_label(OWN), "o.other"])), max_size=2),
    repairs=st.integers(0, 12),
    pods=st.sampled_from([frozenset(), frozenset({POD})]),
    runs=st.lists(RUNS, max_size=5).map(tuple),
    documents=st.lists(
        st.builds(
            document, TASKS, flag=st.booleans(), corrupt=st.booleans(), quarantined=st.booleans(), updated_at=WHEN
        ),
        max_size=3,
        unique_by=lambda each: each.task,
    ).map(tuple),
    pushes=st.lists(
        st.builds(push, TASKS, sha=st.just("n"), at=WHEN), max_size=3, unique_by=lambda each: each.task
    ).map(tuple),
)


@given(SNAPSHOTS)
def test_a_healthy_cluster_has_no_findings(snapshot: ClusterSnapshot) -> None:
    well = tuple(
        replace(each, holder="", renewed_at=ago(10), record=record(push(each.task, at=ago(6000))))
        for each in snapshot.task_states
    )
    quiet = tuple(replace(each, flag=False, corrupt=False) for each in snapshot.documents)
    assert find_problems(replace(snapshot, task_states=well, documents=quiet, pushes=()), settings=DEFAULTS) == ()


@given(SNAPSHOTS)
def test_a_second_search_in_another_order_finds_the_same(snapshot: ClusterSnapshot) -> None:
    found = find_problems(snapshot, settings=DEFAULTS)
    shuffled = random.Random(1)  # noqa: S311 - no secret
    other = replace(
        snapshot,
        task_states=tuple(shuffled.sample(snapshot.task_states, len(snapshot.task_states))),
        documents=tuple(shuffled.sample(snapshot.documents, len(snapshot.documents))),
        pushes=tuple(shuffled.sample(snapshot.pushes, len(snapshot.pushes))),
    )
    assert find_problems(snapshot, settings=DEFAULTS) == found == find_problems(other, settings=DEFAULTS)


@given(SNAPSHOTS)
def test_runs_that_are_exempt_newer_or_on_the_head_are_never_a_finding(snapshot: ClusterSnapshot) -> None:
    newest = max((each.record.watermark for each in snapshot.task_states if each.record), default=NOW)
    newest = max([newest, *(each.pushed_at for each in snapshot.pushes)])
    harmless = tuple(
        (task, each)
        for task, each in snapshot.runs
        if each.facts.agent == REX or each.facts.created_at > newest or each.facts.sha == "n" * 40
    )
    without = replace(snapshot, runs=())
    with_others = replace(snapshot, runs=tuple(each for each in harmless if each[1].facts.sha != "n" * 40))
    assert find_problems(with_others, settings=DEFAULTS) == find_problems(without, settings=DEFAULTS)
    assert not [
        each
        for each in find_problems(replace(snapshot, runs=harmless), settings=DEFAULTS)
        if each.kind is FindingKind.LOST_PUSH
    ]


@given(SNAPSHOTS)
def test_an_active_task_is_never_repaired_and_no_task_twice(snapshot: ClusterSnapshot) -> None:
    submitted = [each for each in find_problems(snapshot, settings=DEFAULTS) if push_of(each)]
    for finding in submitted:
        assert (finding.task, "") not in snapshot.busy
        assert (finding.task, repository_label(finding.repository)) not in snapshot.busy
        if finding.task_state and finding.task_state.holder == HOLDER and POD in snapshot.pods:
            assert TaskIndex.from_snapshot(snapshot, settings=DEFAULTS).is_silent(
                finding.task_state, RULES.stuck_after_s
            )
        assert (
            finding.task_state is None
            or not finding.task_state.record
            or finding.task_state.record.labels is not LabelOutcome.SKIPPED
            or (finding.kind is FindingKind.LOST_PUSH or not finding.task_state.record.finished)
        )
    assert len({(each.repository.casefold(), each.task) for each in submitted}) == len(submitted)


@given(SNAPSHOTS)
def test_limits_are_kept(snapshot: ClusterSnapshot) -> None:
    findings = find_problems(snapshot, settings=DEFAULTS)
    repairs = plan_repairs(findings, snapshot=snapshot, settings=RULES)
    assert [repair.finding for repair in repairs] == list(findings)
    started = [each for each in repairs if each.action in (RepairAction.SUBMIT, RepairAction.REOPEN)]
    assert len(started) <= max(0, RULES.in_flight - snapshot.repairs)
    for repair in repairs:
        known = repair.finding.task_state
        if known and not document_of(repair.finding) and (known.escalated or known.attempts.count >= RULES.tries):
            left_by_outage = known.record is not None and known.record.labels is LabelOutcome.UNREADABLE
            may_go_on = left_by_outage and repair.finding.kind is FindingKind.HALF_MOVED and not known.escalated
            allowed = (RepairAction.REPORT, RepairAction.ESCALATE, RepairAction.WAIT)
            assert repair.action in allowed or (may_go_on and repair.action is RepairAction.SUBMIT)
    assert not {each.task for each in healthy_tasks(snapshot, findings)} & {
        each.task for each in findings if push_of(each)
    }


@given(SNAPSHOTS)
def test_after_all_repairs_only_findings_for_a_person_are_left(
    snapshot: ClusterSnapshot,
) -> None:
    """This models a Workflow: it finishes the record for its push and stops the stale runs."""
    fresh = tuple(replace(each, attempts=RepairAttempts(), escalated=False) for each in snapshot.task_states)
    snapshot = replace(snapshot, task_states=fresh, repairs=0, busy=frozenset(), pods=frozenset())
    # Two passes: a task with an orphaned lock is judged fully after the Lease is released.
    for _ in range(2):
        findings = find_problems(snapshot, settings=DEFAULTS)
        for repair in plan_repairs(findings, snapshot=snapshot, settings=replace(RULES, in_flight=100)):
            snapshot = repaired(snapshot, repair.finding.task, of=push_of(repair.finding), action=repair.action)
    left = {finding.kind for finding in find_problems(snapshot, settings=DEFAULTS)}
    assert left <= {FindingKind.WRONG_CLOCK, FindingKind.CORRUPT_STATE}


def repaired(snapshot: ClusterSnapshot, task: str, *, of: Push | None, action: RepairAction) -> ClusterSnapshot:
    def lease(each: TaskState) -> TaskState:
        if each.task != task or each.record is None:
            return each
        if of:
            last = max(of.pushed_at, each.record.push.pushed_at)
            made = record(replace(of, pushed_at=last), watermark=max(last, each.record.watermark))
            return replace(each, record=made, holder="")
        return replace(each, holder="") if action is RepairAction.FREE else each

    touched = of is not None or action is RepairAction.CLEAR
    documents = tuple(
        replace(each, flag=False) if each.task == task and touched else each for each in snapshot.documents
    )
    task_states = tuple(map(lease, snapshot.task_states))
    if of and task not in {each.task for each in task_states}:
        task_states = (*task_states, task_state(task, record=record(of)))
    owned = {each.task: each.record for each in task_states}
    runs = tuple(
        (number, each)
        for number, each in snapshot.runs
        if not (of and number == task and (made := owned[task]) and each.facts.created_at <= made.watermark)
    )
    return replace(snapshot, task_states=task_states, documents=documents, runs=runs)


@given(SNAPSHOTS)
def test_no_lease_is_collected_if_another_object_refers_to_its_task(snapshot: ClusterSnapshot) -> None:
    settings = replace(DEFAULTS, reconcile=replace(RULES, keep_idle_days=1))
    later = replace(snapshot, now=NOW + timedelta(days=2))
    findings = find_problems(later, settings=settings)
    for each in idle_leases(TaskIndex.from_snapshot(later, settings=settings), findings):
        assert each.record
        assert each.record.finished
        assert not each.holder
        assert not each.escalated
        assert each.task not in {task for task, _ in snapshot.runs} | {task for task, _ in snapshot.busy}
    assert not [*idle_leases(TaskIndex.from_snapshot(replace(later, runs_known=False), settings=settings), findings)]

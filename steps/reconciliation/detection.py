"""Finds problems in a snapshot: pure functions, with one rule for each kind of finding.

Guarantees that an active task (a Workflow that has not ended, a holder that is alive) has no finding that a Workflow
repairs. If nobody works for that Workflow, that is a finding for a person. Nothing is found for a run that
steps.domain.run_decision keeps, for a stale run that its record keeps for a run that it owns, as long as that one
exists, or for a push that a person's skip label stopped. At most one finding of a task needs a Workflow, the gravest
one. Not guaranteed: that a finding is still true when it is repaired.
docs/decisions/0008-reconcile.md says why each repair is safe.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from steps.agents import decide_by_push, decide_by_record
from steps.domain import LABEL_TEXT, ZERO_SHA, LabelOutcome, Phase, RunAction, Sha, may_be_newer
from steps.lease import lease_name
from steps.observed_state import is_due, may_be_due
from steps.reconciliation.finding import (
    CorruptState,
    DocumentFinding,
    Finding,
    FindingKind,
    LiveStaleRuns,
    LostPush,
    OrphanedLock,
    PushFinding,
    StrayFlag,
    UnfinishedPush,
    UnreadableRecord,
    WrongClock,
)
from steps.reconciliation.task_index import TaskIndex, task_key
from steps.reconciliation.unstarted_workflows import oldest_workflows, unstarted_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from steps.agents import AgentRun
    from steps.cancellation import StateDocument
    from steps.domain import FinishedPush, Push, Record
    from steps.observed_state import TaskState
    from steps.reconciliation.snapshot import ClusterSnapshot
    from steps.settings import ReconcileStepSettings

    Guard = Callable[[str, Iterator[Finding]], Iterable[Finding]]


def find_problems(
    snapshot: ClusterSnapshot, *, settings: ReconcileStepSettings, guard: Guard = lambda _, found: found
) -> tuple[Finding, ...]:
    """Return all findings, the gravest first.

    Args:
        snapshot: The state of all tasks.
        settings: Times after which a task counts as stuck or a push as lost, in seconds.
        guard: Called with a task and the findings of one of its objects; returns those that could be made.
    """
    index = TaskIndex.from_snapshot(snapshot, settings=settings)
    found: list[Finding] = []
    for push in snapshot.pushes:
        found += guard(push.task, _lost_pushes(push, index=index))
    lost = {task_key(finding.repository, finding.task) for finding in found}
    for task_state in snapshot.task_states:
        found += [
            each
            for each in guard(task_state.task, _lease_findings(task_state, index=index))
            if not isinstance(each, PushFinding) or task_key(each.repository, each.task) not in lost
        ]
    repaired = {finding.task for finding in found if isinstance(finding, PushFinding)}
    for workflow in oldest_workflows(index):
        found += guard(workflow.task, unstarted_findings(workflow, index=index))
    for document in snapshot.documents:
        found += guard(document.task, _document_findings(document, index=index, repaired=repaired))
    order = {kind: number for number, kind in enumerate(FindingKind)}
    return tuple(sorted(found, key=lambda each: (order[each.kind], each.repository, each.task.zfill(9))))


def _lost_pushes(push: Push, *, index: TaskIndex) -> Iterator[LostPush]:
    """Return the finding for a push that GitHub knows, that has no Workflow, and that makes active agents stale."""
    runs = index.runs.get(task_key(push.repository, push.task), ())
    stale = [run for run in runs if decide_by_push(push, run).action is RunAction.CANCEL]
    recent = push.pushed_at > index.ago(index.settings.reconcile.lost_after_s)
    if not stale or recent or index.snapshot.is_busy(push.task, push.repository):
        return
    name = lease_name(repository=push.repository, task=push.task)
    own = next((each for each in index.task_states.get(push.task, ()) if each.name == name), None)
    if own is None or (not own.problem and not index.is_held(own) and not _is_answered(push, record=own.record)):
        detail = f"no Workflow for {push.title}, at {push.pushed_at.isoformat()}; stale runs are active: "
        yield LostPush(task_state=own, push=push, detail=detail + _names(stale))


def _lease_findings(task_state: TaskState, *, index: TaskIndex) -> Iterator[Finding]:
    """Find the problems of a task by its Lease."""
    if task_state.problem:
        advice = task_state.problem.rpartition(": ")[2]
        yield UnreadableRecord(task_state=task_state, detail=task_state.problem, advice=advice)
        return
    if index.is_ahead(task_state):
        yield WrongClock(task_state=task_state, detail=f"last renewed in the future, at {task_state.renewed_at}")
    record = task_state.record
    if index.snapshot.is_busy(task_state.task, task_state.repository) or index.is_held(task_state):
        return
    if record and not record.finished:
        yield from _unfinished_findings(task_state, record, index=index)
    elif task_state.holder and index.is_silent(task_state, 2 * index.settings.lease.duration_s):
        yield OrphanedLock(task_state=task_state, detail=f"held by {task_state.holder}, which no longer exists")
    elif record and not task_state.holder:
        yield from _finished_findings(task_state, record, index=index)


def _unfinished_findings(task_state: TaskState, record: Record, *, index: TaskIndex) -> Iterator[UnfinishedPush]:
    if record.phase is Phase.FAILED:
        last = record.errors[-1] if record.errors else "no reason given"
        detail = f"failed, and no Workflow continues: {last}"
        yield UnfinishedPush(kind=FindingKind.FAILED, task_state=task_state, push=record.push, detail=detail)
    elif index.is_silent(task_state, index.settings.reconcile.stuck_after_s):
        detail = f"in progress since {record.started_at.isoformat()}, and no Workflow or holder is active"
        yield UnfinishedPush(kind=FindingKind.STUCK, task_state=task_state, push=record.push, detail=detail)


def _finished_findings(task_state: TaskState, record: Record, *, index: TaskIndex) -> Iterator[PushFinding]:
    runs = index.runs.get(task_key(record.push.repository, record.push.task), ())
    owners = {agent.uid for agent in record.agents if agent.kept_for in index.snapshot.run_uids}
    runs = tuple(run for run in runs if run.uid not in owners)
    due = [done for done in record.finished_pushes if _are_labels_due(done, record=record, index=index)]
    stale = [run for run in runs if decide_by_record(record, run).action is RunAction.CANCEL]
    stayed = [found for done in record.finished_pushes if (found := _stayed(done, task_state, index=index))]
    if due:
        detail = f"{LABEL_TEXT[due[-1].labels]}; this has changed since"
        yield UnfinishedPush(kind=FindingKind.HALF_MOVED, task_state=task_state, push=due[-1].push, detail=detail)
    elif stale and record.labels not in (LabelOutcome.SKIPPED, LabelOutcome.OPEN_AGAIN):
        detail = f"completed, but stale runs are active: {_names(stale)}"
        yield LiveStaleRuns(task_state=task_state, record=record, detail=detail)
    elif stayed:
        yield stayed[-1]


def _stayed(done: FinishedPush, task_state: TaskState, *, index: TaskIndex) -> UnfinishedPush | None:
    """Return the finding for labels that stayed, and that the same push or the one that they were left to moves."""
    half_moved = partial(UnfinishedPush, kind=FindingKind.HALF_MOVED, task_state=task_state)
    if done.labels is LabelOutcome.UNREADABLE:
        return half_moved(push=done.push, detail="GitHub could not be read, labels not moved")
    if done.labels is LabelOutcome.HEAD_MOVED and index.is_silent(task_state, index.settings.reconcile.lost_after_s):
        left = replace(done.push, before=Sha(ZERO_SHA), sha=Sha(done.left_to))
        return half_moved(push=left, detail=f"labels were left to {done.left_to[:12]}, but its push never arrived")
    return None


def _are_labels_due(done: FinishedPush, *, record: Record, index: TaskIndex) -> bool:
    """Whether the labels stayed for a reason that has gone, so that the same push again moves them."""
    snapshot = index.snapshot
    settings = index.settings.for_repository(done.push.repository)
    if not may_be_due(done, now=snapshot.now, settings=settings.reconcile):
        return False
    repository = done.push.repository.casefold()
    others = (each.push.branch for each in record.finished_pushes if each.push.ref != done.push.ref)
    skipped = any(
        pull.has_label(settings.labels.skip)
        for branch in others
        for pull in snapshot.pulls.get((repository, branch), ())
    )
    pulls = snapshot.pulls.get((repository, done.push.branch), ())
    return not skipped and is_due(done, pulls=pulls, settings=settings.labels)


def _document_findings(document: StateDocument, *, index: TaskIndex, repaired: set[str]) -> Iterator[DocumentFinding]:
    """Find the problems of a state document. `repaired` has the tasks that get a Workflow, which clears the flag."""
    task_states = index.task_states.get(document.task, ())
    newest = max(task_states, key=lambda each: each.epoch, default=None)
    if document.corrupt:
        detail = f"the document in ConfigMap {document.name} is not a JSON object"
        yield CorruptState(document=document, task_state=newest, detail=detail)
    if not document.flag or document.task in repaired or index.snapshot.is_busy(document.task, ""):
        return
    active = [
        each
        for each in task_states
        if each.problem or index.is_held(each) or (each.record and not each.record.finished)
    ]
    quiet = document.updated_at is None or document.updated_at <= index.ago(index.settings.reconcile.stuck_after_s)
    if quiet and not active:
        detail = f"ConfigMap {document.name} says that a cancellation is in progress, but none is"
        yield StrayFlag(document=document, task_state=newest, detail=detail)


def _is_answered(push: Push, *, record: Record | None) -> bool:
    """Whether the record knows this push of its branch, or a newer one."""
    known = record.latest_push(push.ref) if record else None
    return known is not None and not may_be_newer(push, known=known)


def _names(runs: list[AgentRun]) -> str:
    shown = ", ".join(run.name for run in runs[:3])
    return shown if len(runs) <= 3 else f"{shown} and {len(runs) - 3} more"  # noqa: PLR2004 - one line of a log

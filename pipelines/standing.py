"""Where each task stands, as people ask for it: from the Leases' records and the Workflows that wait. Pure.

The states are the platform's own words: pending, in progress, completed, failed, superseded; and two that only a person
needs: interrupted (in progress, and nobody holds the Lease: reconcile or the next push goes on) and unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.clock import parse_stamp
from steps.hold import TASK
from steps.record import Labels, Outcome, Phase
from steps.waiting import SUPERSEDED_BY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from steps.kube import Json
    from steps.ledger import Ledger
    from steps.record import Record

PHASE = "workflows.argoproj.io/phase"
_STOPPED = (Outcome.GONE, Outcome.FINISHED)


class State(StrEnum):
    """Where a task's cancellation stands."""

    PENDING = "pending"
    IN_PROGRESS = "in progress"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    FAILED = "failed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One task.

    Attributes:
        since: When the state began, or the last known moment before it.
        waiting: Workflows of the task that wait for its lock.
        superseded: Workflows that were ended while they waited, and are still kept.
        note: What a person may want to know, or has to do.
    """

    repository: str
    task: str
    state: State
    sha: str = ""
    requested_by: str = ""
    attempts: int = 0
    stopped: int = 0
    kept: int = 0
    unproven: int = 0
    labels: str = ""
    errors: tuple[str, ...] = ()
    since: datetime | None = None
    waiting: int = 0
    superseded: int = 0
    workflow: str = ""
    note: str = ""
    record: Record | None = field(default=None, repr=False)


def standings(ledgers: Collection[Ledger], workflows: Collection[Json]) -> Iterator[Standing]:
    """Every task that has a Lease or a Workflow that waits, the newest first.

    Args:
        ledgers: The tasks' Leases.
        workflows: Metadata of the tasks' Workflows.
    """
    waiting, superseded = _counted(workflows)
    found = [
        _standing(ledger, waiting=waiting.get(ledger.task, 0), superseded=superseded.get(ledger.task, 0))
        for ledger in ledgers
    ]
    known = {ledger.task for ledger in ledgers}
    for workflow in workflows:
        task = (workflow["metadata"].get("labels") or {}).get(TASK, "")
        if task and task in waiting and task not in known:
            known.add(task)
            since = parse_stamp(workflow["metadata"]["creationTimestamp"])
            found.append(Standing(repository="", task=task, state=State.PENDING, waiting=waiting[task], since=since))
    yield from sorted(found, key=lambda each: -(each.since.timestamp() if each.since else 0))


def _counted(workflows: Collection[Json]) -> tuple[dict[str, int], dict[str, int]]:
    """How many of each task's Workflows wait, and how many were superseded while they did."""
    waiting: dict[str, int] = {}
    superseded: dict[str, int] = {}
    for workflow in workflows:
        labels = workflow["metadata"].get("labels") or {}
        task = labels.get(TASK, "")
        if SUPERSEDED_BY in labels:
            superseded[task] = superseded.get(task, 0) + 1
        elif labels.get(PHASE, "Pending") == "Pending":
            waiting[task] = waiting.get(task, 0) + 1
    return waiting, superseded


def _standing(ledger: Ledger, *, waiting: int, superseded: int) -> Standing:
    record = ledger.record
    if record is None:
        return Standing(
            repository="", task=ledger.task, state=State.UNREADABLE, since=ledger.renewed_at, note=ledger.problem
        )
    outcomes = [agent.outcome for agent in record.agents]
    return Standing(
        repository=record.push.repository,
        task=ledger.task,
        state=_state(record, ledger=ledger),
        sha=record.push.sha,
        requested_by=record.push.requested_by,
        attempts=record.attempts,
        stopped=sum(outcome in _STOPPED for outcome in outcomes),
        kept=outcomes.count(Outcome.KEPT),
        unproven=sum(agent.unproven for agent in record.agents),
        labels=str(record.labels),
        errors=record.errors,
        since=record.finished_at or record.started_at,
        waiting=waiting,
        superseded=superseded,
        workflow=record.workflow,
        note=_note(record, ledger=ledger),
        record=record,
    )


def _state(record: Record, *, ledger: Ledger) -> State:
    match record.phase:
        case Phase.COMPLETED:
            return State.COMPLETED
        case Phase.FAILED:
            return State.FAILED
        case Phase.IN_PROGRESS:
            return State.IN_PROGRESS if ledger.holder else State.INTERRUPTED


def _note(record: Record, *, ledger: Ledger) -> str:
    if ledger.handed_over:
        return "needs attention: mend it, then remove the label agent-cancellation/needs-attention from the Lease"
    if record.phase is Phase.FAILED:
        return record.errors[-1] if record.errors else ""
    return {
        Labels.SKIPPED: "a person's skip label: nothing was cancelled",
        Labels.HEAD_MOVED: f"labels left to the push of {record.left_to[:12]}",
        Labels.UNREADABLE: "GitHub could not be read: labels stayed",
        Labels.AMBIGUOUS: "several pull requests have this head: labels stayed",
    }.get(record.labels, "")

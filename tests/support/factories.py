"""Plain values that the pure rules judge: a push, its record, a task's Lease, an agent run, a state document.

Guarantees: without arguments they belong together and the cancellation of task 7 is complete: its labels are moved, its
Lease is free. A test names only what differs. All ages count from NOW.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from steps.agents.agent_run import AgentRun
from steps.agents.owned_object import OwnedObject, OwnerReference
from steps.cancellation.state_document import StateDocument
from steps.domain.push import Push, Repository, Sha
from steps.domain.record import LabelOutcome, Phase, Record
from steps.domain.run_decision import RunFacts
from steps.domain.task_id import TaskId
from steps.kube.resources import JOBS, Resource
from steps.lease.lease_object import lease_name
from steps.observed_state.repair_attempts import RepairAttempts
from steps.observed_state.task_state import TaskState
from steps.observed_state.task_workflow import TaskWorkflow
from steps.reconciliation.finding import (
    CorruptState,
    Finding,
    FindingKind,
    LiveStaleRuns,
    LostPush,
    OrphanedLock,
    StrayFlag,
    UnfinishedPush,
    UnreadableRecord,
    UnstartedWorkflow,
    WrongClock,
)
from tests.support.harness import DEFAULTS

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
OWN = Repository("o/r")
RULES = DEFAULTS.reconcile
TESS, REX = "5DLabs-Tess", "5DLabs-Rex"


def ago(seconds: float) -> datetime:
    """A moment that many seconds before NOW."""
    return NOW - timedelta(seconds=seconds)


def push(task: str = "7", *, sha: str = "a", at: datetime | None = None, repository: str = OWN) -> Push:
    """A push to the task's branch; its commit is that one letter, forty times."""
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
    """What a task's Lease keeps of that push: finished, with its labels moved."""
    values: dict[str, Any] = {
        "push": of,
        "watermark": of.pushed_at,
        "phase": Phase.COMPLETED,
        "attempts": 1,
        "workflow": "w",
        "workflow_uid": "u",
        "started_at": of.pushed_at,
        "labels": LabelOutcome.MOVED,
    }
    return Record(**(values | changes))


def task_state(task: str = "7", **changes: Any) -> TaskState:  # noqa: ANN401 - passed on
    """The free Lease of a finished task, as reconcile reads it."""
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
        "attempts": RepairAttempts(),
        "escalated": False,
    }
    return TaskState(**(values | changes))


def run(
    task: str = "7",
    *,
    created_at: datetime | None = None,
    agent: str = TESS,
    phase: str = "Running",
    sha: str = "",
    deleting: bool = False,
    repository: str = OWN,
) -> tuple[str, AgentRun]:
    """A running agent of the task, and the task."""
    facts = RunFacts(
        created_at=created_at or ago(2000), deleting=deleting, repository=repository, agent=agent, phase=phase, sha=sha
    )
    return task, AgentRun(
        kind=DEFAULTS.agents[0],
        object_kind="CodeRun",
        name=f"run-{agent}",
        uid="r",
        resource_version="1",
        job="",
        facts=facts,
    )


def task_workflow(name: str = "w1", **changes: Any) -> TaskWorkflow:  # noqa: ANN401 - passed on
    """A Workflow of the task that the Sensor created and that waits."""
    values: dict[str, Any] = {"task": "7", "repository_label": "", "created_at": ago(900), "phase": "Pending"}
    return TaskWorkflow(name=name, **(values | changes))


def owner(uid: str, *, kind: str = "CodeRun", api_version: str = "agents.platform/v1") -> OwnerReference:
    """A reference to an owner."""
    return OwnerReference(api_version=api_version, kind=kind, name=f"name-of-{uid}", uid=uid)


def owned_object(
    uid: str,
    *owners: str | OwnerReference,
    name: str = "",
    resource: Resource = JOBS,
    labels: Mapping[str, str] | None = None,
    created_at: datetime | None = None,
) -> OwnedObject:
    """An object with these owners; a Job, if nothing else is said."""
    return OwnedObject(
        resource=resource,
        name=name or f"name-of-{uid}",
        uid=uid,
        resource_version="1",
        created_at=created_at or ago(1900),
        labels=labels or {},
        owners=tuple(owner(each) if isinstance(each, str) else each for each in owners),
    )


def document(task: str = "7", **changes: Any) -> StateDocument:  # noqa: ANN401 - passed on
    """The task's state document, with nothing flagged."""
    values: dict[str, Any] = {"name": f"task-{task}-state", "task": task, "flag": False, "corrupt": False}
    return StateDocument(**(values | {"quarantined": False, "updated_at": ago(900)} | changes))


DONE = record(push())


def finding(kind: FindingKind = FindingKind.STUCK, *, detail: str = "seen", **changes: Any) -> Finding:  # noqa: ANN401 - passed on
    """A finding of that kind, of task 7."""
    known: Any = changes.pop("task_state") if "task_state" in changes else task_state()
    if kind is FindingKind.LOST_PUSH:
        return LostPush(push=changes.pop("push", DONE.push), task_state=known, detail=detail)
    if kind is FindingKind.LIVE_STALE:
        return LiveStaleRuns(record=changes.pop("record", DONE), task_state=known, detail=detail)
    if kind in (FindingKind.STUCK, FindingKind.FAILED, FindingKind.HALF_MOVED):
        push = changes.pop("push", DONE.push)
        return UnfinishedPush(kind=kind, push=push, task_state=known, detail=detail)
    if kind is FindingKind.UNREADABLE_RECORD:
        return UnreadableRecord(task_state=known, detail=detail, advice=changes.pop("advice", ""))
    if kind in (FindingKind.STRAY_FLAG, FindingKind.CORRUPT_STATE):
        of_document = StrayFlag if kind is FindingKind.STRAY_FLAG else CorruptState
        return of_document(document=changes.pop("document", None) or document(), task_state=known, detail=detail)
    return _rare_finding(kind, known, detail=detail)


def _rare_finding(kind: FindingKind, known: Any, *, detail: str) -> Finding:  # noqa: ANN401 - passed on
    if kind is FindingKind.NOT_STARTED:
        return UnstartedWorkflow(workflow=task_workflow(), task_state=known, detail=detail)
    of_lease = OrphanedLock if kind is FindingKind.ORPHANED_LOCK else WrongClock
    return of_lease(task_state=known, detail=detail)


def push_of(found: Finding) -> Push | None:
    """The push that a Workflow would be submitted for; None if no Workflow repairs it."""
    match found:
        case LostPush(push=push) | UnfinishedPush(push=push):
            return push
        case LiveStaleRuns(record=record):
            return record.push
        case _:
            return None


def document_of(found: Finding) -> StateDocument | None:
    """The state document that it is about; None for none."""
    return found.document if isinstance(found, StrayFlag | CorruptState) else None

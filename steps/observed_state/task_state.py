"""Turns a task's Lease into plain values for reconcile, which reads all Leases and holds none.

Guarantees that a record that cannot be read is reported in the result and raises no error. steps.lease.task_lease is
the Lease for its holder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.core import RECORD, REPOSITORY, TASK, BadInputError, parse_optional_time
from steps.domain import Record, Repository, TaskId
from steps.lease import lease_name, read_snapshot
from steps.observed_state.repair_attempts import is_escalated, read_attempts

if TYPE_CHECKING:
    from steps.kube import Json
    from steps.observed_state.repair_attempts import RepairAttempts


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """A task's Lease as it was read.

    Attributes:
        epoch: Fencing epoch.
        holder: holderIdentity; empty if the Lease is free.
        renewed_at: Time of the last renewal, by the holder's clock; None if it is missing.
        problem: The error if the record cannot be read; otherwise empty.
        escalated: Whether the task is escalated to a person. Then it is not repaired.
        labelled_repository: Its repository by the Lease's label, in lower case; empty if the Lease's name does not
            confirm it, as for a name that was cut.
    """

    name: str
    uid: str
    resource_version: str
    task: str
    epoch: int
    holder: str
    renewed_at: datetime | None
    record: Record | None
    problem: str
    attempts: RepairAttempts
    escalated: bool
    labelled_repository: str = ""

    @property
    def repository(self) -> str:
        """Repository of the task; empty without a record."""
        return self.record.push.repository if self.record else ""

    @property
    def is_idle(self) -> bool:
        """Whether the Lease is free and its record is finished."""
        return not self.problem and not self.holder and (self.record is None or self.record.finished)


def read_task_state(body: Json) -> TaskState:
    """Read a Lease. If its record cannot be read, `problem` has the error."""
    metadata, snapshot = body["metadata"], read_snapshot(body)
    record, problem = None, ""
    try:
        record = snapshot.record()
    except BadInputError as error:
        problem = str(error)
    if record and lease_name(repository=record.push.repository, task=record.push.task) != metadata["name"]:
        owner = f"{record.push.repository} task {record.push.task}"
        record, problem = (
            None,
            f"the Lease's record belongs to {owner}: it was edited. Delete its annotation {RECORD} to start afresh",
        )
    return TaskState(
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        task=record.push.task if record else (metadata.get("labels") or {}).get(TASK, ""),
        epoch=snapshot.epoch,
        holder=snapshot.holder,
        renewed_at=parse_optional_time(snapshot.renewed_at),
        record=record,
        problem=problem,
        attempts=read_attempts(metadata),
        escalated=is_escalated(metadata),
        labelled_repository=_labelled_repository(metadata),
    )


def _labelled_repository(metadata: Json) -> str:
    labels = metadata.get("labels") or {}
    repository = Repository(labels.get(REPOSITORY, "").replace(".", "/", 1))
    named = lease_name(repository=repository, task=TaskId(labels.get(TASK, "")))
    return repository if named == metadata["name"] else ""

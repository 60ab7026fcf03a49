"""A task's Lease as reconcile reads it: plain values, and what is wrong with them. Reading never fails.

steps.lease.task_lease is the Lease as a holder sees it; this is the view of somebody who looks at all of them and
holds none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.core import RECORD, TASK, BadInputError, parse_optional_time
from steps.domain import Record  # noqa: TC001 - as above
from steps.lease import lease_name, read_snapshot
from steps.reconciliation.attempts import is_escalated, read_attempts

if TYPE_CHECKING:
    from steps.kube import Json
    from steps.reconciliation.attempts import RepairAttempts


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """A task's Lease as it was read.

    Attributes:
        holder: holderIdentity; empty when it is free.
        renewed_at: The last sign of life, by its holder's clock.
        problem: Why the record can't be read; empty if it can, or if there is none.
        escalated: A person has to look before anything more is tried.
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
    tries: RepairAttempts
    escalated: bool

    @property
    def repository(self) -> str:
        """Whose task it is, as far as the record says."""
        return self.record.push.repository if self.record else ""

    @property
    def is_idle(self) -> bool:
        """Nobody holds it, and nothing that was begun is unfinished."""
        return not self.problem and not self.holder and (self.record is None or self.record.finished)


def read_task_state(body: Json) -> TaskState:
    """Read a Lease; what is wrong with it is said in `problem`."""
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
            f"its record is of {owner}: it was edited. Delete its annotation {RECORD} to start afresh",
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
        tries=read_attempts(metadata),
        escalated=is_escalated(metadata),
    )

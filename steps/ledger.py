"""A task's Lease as reconcile reads it: plain values, and what is wrong with them. Reading never fails.

steps.lease is the Lease as a holder sees it; this is the view of somebody who looks at all of them and holds none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps import tries
from steps.clock import moment
from steps.errors import BadInputError
from steps.hold import RECORD, TASK
from steps.lease import lease_name, snapshot_of
from steps.record import Record  # noqa: TC001 - as above

if TYPE_CHECKING:
    from steps.kube import Json
    from steps.tries import Tries


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A task's Lease as it was read.

    Attributes:
        holder: holderIdentity; empty when it is free.
        renewed_at: The last sign of life, by its holder's clock.
        problem: Why the record can't be read; empty if it can, or if there is none.
        handed_over: A person has to look before anything more is tried.
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
    tries: Tries
    handed_over: bool

    @property
    def repository(self) -> str:
        """Whose task it is, as far as the record says."""
        return self.record.push.repository if self.record else ""

    @property
    def at_rest(self) -> bool:
        """Nobody holds it, and nothing that was begun is unfinished."""
        return not self.problem and not self.holder and (self.record is None or self.record.finished)


def read_ledger(body: Json) -> Ledger:
    """Read a Lease; what is wrong with it is said in `problem`."""
    metadata, snapshot = body["metadata"], snapshot_of(body)
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
    return Ledger(
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        task=record.push.task if record else (metadata.get("labels") or {}).get(TASK, ""),
        epoch=snapshot.epoch,
        holder=snapshot.holder,
        renewed_at=moment(snapshot.renewed_at),
        record=record,
        problem=problem,
        tries=tries.read(metadata),
        handed_over=tries.is_handed_over(metadata),
    )

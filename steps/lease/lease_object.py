"""The Lease as an object: name, labels, reading, and the body to write. Pure."""

from __future__ import annotations

import copy
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.core import PHASE, PREFIX, RECORD, REPOSITORY, TASK, format_micro_time, repository_label
from steps.domain import Record, dump_record, parse_record
from steps.kube import ObjectReference, lease_reference

if TYPE_CHECKING:
    from datetime import datetime

    from steps.domain import Push, Record, Repository, TaskId
    from steps.kube import Json


def lease_labels(push: Push) -> dict[str, str]:
    """Return the labels that select a task's Lease."""
    return {
        "app.kubernetes.io/managed-by": PREFIX,
        TASK: str(push.task),
        REPOSITORY: repository_label(push.repository),
    }


def lease_body(
    body: Json,
    *,
    record: Record,
    holder: str,
    epoch: int,
    duration_s: float,
    now: datetime,
    acquired: bool = False,
    annotations: dict[str, str] | None = None,
) -> Json:
    """Create the Lease to write. Sets the steps' own fields and keeps all others.

    Args:
        body: The Lease that was read, or only its name.
        record: The record to write.
        holder: holderIdentity; empty releases the Lease.
        epoch: leaseTransitions.
        duration_s: leaseDurationSeconds, for information.
        now: Wall-clock time for the timestamps. No decision depends on them.
        acquired: Whether this write acquires the Lease.
        annotations: Further annotations.
    """
    lease = copy.deepcopy(body)
    metadata, spec = lease["metadata"], lease.setdefault("spec", {})
    metadata["labels"] = (metadata.get("labels") or {}) | lease_labels(record.push) | {PHASE: str(record.phase)}
    metadata["annotations"] = (metadata.get("annotations") or {}) | (annotations or {}) | {RECORD: dump_record(record)}
    spec |= {
        "holderIdentity": holder,
        "leaseDurationSeconds": max(1, round(duration_s)),
        "leaseTransitions": epoch,
        "renewTime": format_micro_time(now),
    }
    if acquired:
        spec["acquireTime"] = format_micro_time(now)
    return lease


_UNSAFE = re.compile(r"[^a-z0-9]+")


def lease_name(*, repository: Repository, task: TaskId) -> str:
    """Return the name of a task's Lease: readable, unique, and valid in DNS-1123 for every repository.

    GitHub ignores the case of a repository's name, so the Lease's name does too.
    """
    key = f"{repository.lower()}#{task}"
    slug = _UNSAFE.sub("-", repository.lower())[:60].strip("-")
    return f"cancel-{slug}-task-{task}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSnapshot:
    """A Lease at the time of a read; `holder` is empty if the Lease was released."""

    body: Json
    holder: str
    epoch: int
    renewed_at: str
    duration_s: float | None

    @property
    def about(self) -> ObjectReference:
        """The Lease as the object of an Event."""
        metadata = self.body["metadata"]
        return lease_reference(metadata["name"], uid=metadata["uid"], namespace=metadata["namespace"])

    def record(self) -> Record | None:
        """Parse the record; return None if the Lease has none.

        Raises:
            BadInputError: The record is malformed.
        """
        text = (self.body["metadata"].get("annotations") or {}).get(RECORD)
        return parse_record(text) if text else None


def read_snapshot(body: Json) -> LeaseSnapshot:
    """Read a Lease from the API server's answer."""
    spec = body.get("spec") or {}
    return LeaseSnapshot(
        body=body,
        holder=spec.get("holderIdentity") or "",
        epoch=spec.get("leaseTransitions") or 0,
        renewed_at=spec.get("renewTime") or "",
        duration_s=spec.get("leaseDurationSeconds"),
    )

"""The Lease as an object: its name, its labels, how it is read, and the body to write. Pure."""

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
    """The labels by which a task's Lease is found."""
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
    notes: dict[str, str] | None = None,
) -> Json:
    """The Lease to write: what we own is set, whatever others put on it stays.

    Args:
        body: The Lease as read, or a bare name.
        record: The ledger to write.
        holder: holderIdentity; empty releases.
        epoch: leaseTransitions.
        duration_s: leaseDurationSeconds, for the eyes of others.
        now: Wall-clock time for the stamps; nothing is decided by them.
        acquired: Whether this write takes the Lease.
        notes: Further annotations.
    """
    lease = copy.deepcopy(body)
    metadata, spec = lease["metadata"], lease.setdefault("spec", {})
    metadata["labels"] = (metadata.get("labels") or {}) | lease_labels(record.push) | {PHASE: str(record.phase)}
    metadata["annotations"] = (metadata.get("annotations") or {}) | (notes or {}) | {RECORD: dump_record(record)}
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
    """Name of the Lease of a task: readable, unique and DNS-1123 safe, whatever the repository is called.

    GitHub does not tell repositories apart by case, so neither does the name.
    """
    key = f"{repository.lower()}#{task}"
    slug = _UNSAFE.sub("-", repository.lower())[:60].strip("-")
    return f"cancel-{slug}-task-{task}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSnapshot:
    """A Lease as it was read; `holder` is empty when it is free."""

    body: Json
    holder: str
    epoch: int
    renewed_at: str
    duration_s: float | None

    @property
    def about(self) -> ObjectReference:
        """The Lease, as an Event names it."""
        metadata = self.body["metadata"]
        return lease_reference(metadata["name"], uid=metadata["uid"], namespace=metadata["namespace"])

    def record(self) -> Record | None:
        """The ledger.

        Raises:
            BadInputError: There is one, but it can't be read.
        """
        text = (self.body["metadata"].get("annotations") or {}).get(RECORD)
        return parse_record(text) if text else None


def read_snapshot(body: Json) -> LeaseSnapshot:
    """A Lease as the API server gave it."""
    spec = body.get("spec") or {}
    return LeaseSnapshot(
        body=body,
        holder=spec.get("holderIdentity") or "",
        epoch=spec.get("leaseTransitions") or 0,
        renewed_at=spec.get("renewTime") or "",
        duration_s=spec.get("leaseDurationSeconds"),
    )

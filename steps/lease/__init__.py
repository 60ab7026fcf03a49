"""The task's Lease: lock, fencing epoch and record in one object.

Guarantees at most one holder per epoch. A holder that has lost the Lease cannot write to it.
"""

from steps.lease.held_lease import HeldLease
from steps.lease.holder import Holder, holder_pod
from steps.lease.lease_object import LeaseSnapshot, lease_labels, lease_name, read_snapshot
from steps.lease.task_lease import TaskLease

__all__ = [
    "HeldLease",
    "Holder",
    "LeaseSnapshot",
    "TaskLease",
    "holder_pod",
    "lease_labels",
    "lease_name",
    "read_snapshot",
]

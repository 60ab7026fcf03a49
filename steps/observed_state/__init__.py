"""What reconcile reads, as plain values: Leases, Workflows, attempts, the newest pushes, and labels that may be due.

Guarantees that an object that cannot be read does not affect the others. No module here writes or sends a request.
"""

from steps.observed_state.late_labels import await_pull_request, is_due, may_be_due
from steps.observed_state.lost_pushes import closed_branches, newest_pushes
from steps.observed_state.partial_read import read_or_report
from steps.observed_state.repair_attempts import (
    ATTEMPTS_ANNOTATION,
    ATTENTION_LABEL,
    RepairAttempts,
    is_escalated,
    read_attempts,
)
from steps.observed_state.task_state import TaskState, read_task_state
from steps.observed_state.task_workflow import TaskWorkflow, read_task_workflow

__all__ = [
    "ATTEMPTS_ANNOTATION",
    "ATTENTION_LABEL",
    "RepairAttempts",
    "TaskState",
    "TaskWorkflow",
    "await_pull_request",
    "closed_branches",
    "is_due",
    "is_escalated",
    "may_be_due",
    "newest_pushes",
    "read_attempts",
    "read_or_report",
    "read_task_state",
    "read_task_workflow",
]

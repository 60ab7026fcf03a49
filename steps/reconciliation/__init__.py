"""Reconcile: finds unfinished cancellations, plans repairs within limits, and applies them.

Guarantees that a task that cannot be read or repaired does not block other tasks, and that repairs respect the task's
Lease.
"""

from steps.reconciliation.attempts import ATTENTION_LABEL
from steps.reconciliation.context import ReconcileContext
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.metrics import ReconcileMetric, finding_metric
from steps.reconciliation.reconcile_pass import PassResult, run_pass
from steps.reconciliation.task_state import TaskState, read_task_state

__all__ = [
    "ATTENTION_LABEL",
    "FindingKind",
    "PassResult",
    "ReconcileContext",
    "ReconcileMetric",
    "TaskState",
    "finding_metric",
    "read_task_state",
    "run_pass",
]

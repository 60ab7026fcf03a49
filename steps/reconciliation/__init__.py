"""Finds cancellations that did not finish, plans repairs within limits, and repairs through the task's lock.

Guarantees that one task which cannot be judged or repaired never keeps the others from it.
"""

from steps.reconciliation.attempts import ATTENTION_LABEL, reset_attempts
from steps.reconciliation.context import ReconcileContext
from steps.reconciliation.detection import FindingKind, find_problems
from steps.reconciliation.garbage_collection import delete_idle_lease, idle_leases
from steps.reconciliation.metrics import ReconcileMetric, finding_metric, measure_pass
from steps.reconciliation.planning import PlannedRepair, RepairAction, healthy_tasks, plan_repairs
from steps.reconciliation.reconcile_pass import PassResult, run_pass
from steps.reconciliation.repair import apply_repair, count_repair
from steps.reconciliation.snapshot import take_snapshot
from steps.reconciliation.task_index import TaskIndex
from steps.reconciliation.task_state import TaskState, read_task_state

__all__ = [
    "ATTENTION_LABEL",
    "FindingKind",
    "PassResult",
    "PlannedRepair",
    "ReconcileContext",
    "ReconcileMetric",
    "RepairAction",
    "TaskIndex",
    "TaskState",
    "apply_repair",
    "count_repair",
    "delete_idle_lease",
    "find_problems",
    "finding_metric",
    "healthy_tasks",
    "idle_leases",
    "measure_pass",
    "plan_repairs",
    "read_task_state",
    "reset_attempts",
    "run_pass",
    "take_snapshot",
]

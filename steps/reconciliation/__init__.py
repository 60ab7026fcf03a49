"""Reconcile: finds unfinished cancellations, plans repairs within limits, and applies them.

Guarantees that a task that cannot be read or repaired does not block other tasks, and that repairs respect the task's
Lease.
"""

from steps.reconciliation.context import ReconcileContext
from steps.reconciliation.finding import FindingKind
from steps.reconciliation.metrics import ReconcileMetric, finding_metric
from steps.reconciliation.reconcile_pass import PassResult, run_pass

__all__ = [
    "FindingKind",
    "PassResult",
    "ReconcileContext",
    "ReconcileMetric",
    "finding_metric",
    "run_pass",
]

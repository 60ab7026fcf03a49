"""The measurements of one pass of reconcile: findings, repairs, duration and time of the pass.

Guarantees that each pass writes each number, zero included, because an alert uses the numbers of the last pass.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.reconciliation.finding import FindingKind
from steps.reconciliation.planning import RepairAction

if TYPE_CHECKING:
    from collections.abc import Collection

    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.planning import PlannedRepair
    from steps.reconciliation.snapshot import ClusterSnapshot


class ReconcileMetric(StrEnum):
    """The measurements besides the findings of each kind. The value names the file and the output."""

    PASSED_AT = "passed-at"
    SECONDS = "pass-seconds"
    TASKS = "tasks"
    UNREAD = "unread"
    ATTENTION = "needs-attention"
    BREAKER_GITHUB = "breaker-github"
    BREAKER_AGENTS = "breaker-agents"
    SUBMITTED = "repairs-submitted"
    AT_ONCE = "repairs-at-once"
    ESCALATED = "repairs-handed-over"
    REPAIRS_FAILED = "repairs-failed"
    LOST_PUSHES = "lost-pushes"


# The metric of each action. Waiting and reporting do not count as repairs.
_REPAIRS = {
    RepairAction.SUBMIT: ReconcileMetric.SUBMITTED,
    RepairAction.REOPEN: ReconcileMetric.SUBMITTED,
    RepairAction.FREE: ReconcileMetric.AT_ONCE,
    RepairAction.CLEAR: ReconcileMetric.AT_ONCE,
    RepairAction.QUARANTINE_DOCUMENT: ReconcileMetric.AT_ONCE,
    RepairAction.ESCALATE: ReconcileMetric.ESCALATED,
}


def finding_metric(kind: FindingKind) -> str:
    """Return the name of the measurement for findings of a kind."""
    return f"found-{kind}"


def measure_pass(
    snapshot: ClusterSnapshot,
    *,
    repairs: Collection[PlannedRepair],
    repaired: Collection[PlannedRepair],
    seconds: float,
    context: ReconcileContext,
) -> None:
    """Write the measurements of a pass.

    Args:
        snapshot: The snapshot of the pass.
        repairs: All planned repairs.
        repaired: The planned repairs that were applied.
        seconds: Duration of the pass in seconds.
        context: The process.
    """
    numbers = context.measurements
    kinds = Counter(repair.finding.kind for repair in repairs)
    for kind in FindingKind:
        numbers.set(finding_metric(kind), kinds[kind])
    escalated = {
        repair.finding.task_state.name for repair in repaired if _is_escalation(repair) and repair.finding.task_state
    }
    numbers.set(
        ReconcileMetric.ATTENTION,
        len(escalated | {task_state.name for task_state in snapshot.task_states if task_state.escalated}),
    )
    numbers.set(ReconcileMetric.TASKS, len(snapshot.task_states))
    numbers.set(ReconcileMetric.UNREAD, len(snapshot.unread))
    numbers.set(ReconcileMetric.BREAKER_GITHUB, not context.clients.breakers.github.is_closed)
    numbers.set(ReconcileMetric.BREAKER_AGENTS, not context.clients.breakers.agents.is_closed)
    for metric in dict.fromkeys(_REPAIRS.values()):
        numbers.add(metric, sum(_REPAIRS.get(repair.action) is metric for repair in repaired))
    lost = [repair for repair in repaired if repair.finding.kind is FindingKind.LOST_PUSH and _is_submission(repair)]
    numbers.add(ReconcileMetric.LOST_PUSHES, len(lost))
    undone = 0 if context.dry_run else len(repairs) - len(repaired)
    numbers.add(ReconcileMetric.REPAIRS_FAILED, undone)
    numbers.set(ReconcileMetric.SECONDS, seconds)
    numbers.set(ReconcileMetric.PASSED_AT, context.now().timestamp())


def _is_submission(repair: PlannedRepair) -> bool:
    return _REPAIRS.get(repair.action) is ReconcileMetric.SUBMITTED


def _is_escalation(repair: PlannedRepair) -> bool:
    return repair.action is RepairAction.ESCALATE

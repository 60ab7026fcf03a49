"""What one pass of reconcile measured: how much is wrong, what was done about it, and that it looked at all.

Guarantees that each number is left by every pass, zero included: the last pass's word is what an alert goes by. Pure
but for leaving them (steps.telemetry.measurements).
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
    """What is measured, besides the findings of each kind; also the file's name and the output's."""

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


# What an intent counts as; one that only waits or reports is no repair.
_REPAIRS = {
    RepairAction.SUBMIT: ReconcileMetric.SUBMITTED,
    RepairAction.REOPEN: ReconcileMetric.SUBMITTED,
    RepairAction.FREE: ReconcileMetric.AT_ONCE,
    RepairAction.CLEAR: ReconcileMetric.AT_ONCE,
    RepairAction.QUARANTINE_DOCUMENT: ReconcileMetric.AT_ONCE,
    RepairAction.ESCALATE: ReconcileMetric.ESCALATED,
}


def finding_metric(kind: FindingKind) -> str:
    """Name of the number of findings of a kind."""
    return f"found-{kind}"


def measure_pass(
    snapshot: ClusterSnapshot,
    *,
    intents: Collection[PlannedRepair],
    repaired: Collection[PlannedRepair],
    seconds: float,
    context: ReconcileContext,
) -> None:
    """Leave what a pass measured.

    Args:
        snapshot: What it saw.
        intents: What it found, and wanted to do.
        repaired: What of it was done.
        seconds: How long it took.
        context: The process.
    """
    numbers = context.measurements
    kinds = Counter(intent.finding.kind for intent in intents)
    for kind in FindingKind:
        numbers.set(finding_metric(kind), kinds[kind])
    called = {intent.finding.task_state.name for intent in repaired if _is_call(intent) and intent.finding.task_state}
    numbers.set(
        ReconcileMetric.ATTENTION,
        len(called | {task_state.name for task_state in snapshot.task_states if task_state.escalated}),
    )
    numbers.set(ReconcileMetric.TASKS, len(snapshot.task_states))
    numbers.set(ReconcileMetric.UNREAD, len(snapshot.unread))
    numbers.set(ReconcileMetric.BREAKER_GITHUB, not context.clients.breakers.github.is_closed)
    numbers.set(ReconcileMetric.BREAKER_AGENTS, not context.clients.breakers.agents.is_closed)
    for repair in dict.fromkeys(_REPAIRS.values()):
        numbers.add(repair, sum(_REPAIRS.get(intent.action) is repair for intent in repaired))
    undone = 0 if context.dry_run else len(intents) - len(repaired)
    numbers.add(ReconcileMetric.REPAIRS_FAILED, undone)
    numbers.set(ReconcileMetric.SECONDS, seconds)
    numbers.set(ReconcileMetric.PASSED_AT, context.clock.now().timestamp())


def _is_call(intent: PlannedRepair) -> bool:
    return intent.action is RepairAction.ESCALATE

"""What one pass of reconcile measured: how much is wrong, what was done about it, and that it looked at all.

Guarantees that each number is left by every pass, zero included: the last pass's word is what an alert goes by. Pure
but for leaving them (steps.measurements).
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.findings import Kind
from steps.plan import Action

if TYPE_CHECKING:
    from collections.abc import Collection

    from steps.plan import Intent
    from steps.survey import Survey
    from steps.sweep import Sweep


class Census(StrEnum):
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
    HANDED_OVER = "repairs-handed-over"
    NOT_MENDED = "repairs-failed"


# What an intent counts as; one that only waits or reports is no repair.
_REPAIRS = {
    Action.SUBMIT: Census.SUBMITTED,
    Action.REOPEN: Census.SUBMITTED,
    Action.FREE: Census.AT_ONCE,
    Action.CLEAR: Census.AT_ONCE,
    Action.SET_ASIDE: Census.AT_ONCE,
    Action.HAND_OVER: Census.HANDED_OVER,
}


def found(kind: Kind) -> str:
    """Name of the number of findings of a kind."""
    return f"found-{kind}"


def measure(
    survey: Survey, *, intents: Collection[Intent], mended: Collection[Intent], seconds: float, sweep: Sweep
) -> None:
    """Leave what a pass measured.

    Args:
        survey: What it saw.
        intents: What it found, and wanted to do.
        mended: What of it was done.
        seconds: How long it took.
        sweep: The process.
    """
    numbers = sweep.measurements
    kinds = Counter(intent.finding.kind for intent in intents)
    for kind in Kind:
        numbers.set(found(kind), kinds[kind])
    called = {intent.finding.ledger.name for intent in mended if _is_call(intent) and intent.finding.ledger}
    numbers.set(Census.ATTENTION, len(called | {ledger.name for ledger in survey.ledgers if ledger.handed_over}))
    numbers.set(Census.TASKS, len(survey.ledgers))
    numbers.set(Census.UNREAD, len(survey.unread))
    numbers.set(Census.BREAKER_GITHUB, not sweep.breakers.github.is_closed)
    numbers.set(Census.BREAKER_AGENTS, not sweep.breakers.agents.is_closed)
    for repair in dict.fromkeys(_REPAIRS.values()):
        numbers.add(repair, sum(_REPAIRS.get(intent.action) is repair for intent in mended))
    undone = 0 if sweep.dry_run else len(intents) - len(mended)
    numbers.add(Census.NOT_MENDED, undone)
    numbers.set(Census.SECONDS, seconds)
    numbers.set(Census.PASSED_AT, sweep.clock.now().timestamp())


def _is_call(intent: Intent) -> bool:
    return intent.action is Action.HAND_OVER

"""What to do about findings, within limits: pure.

Guarantees: no more repairs are under way than `in_flight`; a task is tried again only after its pause, and not at all
once it was tried `tries` times or a person has been called. A task that fails because GitHub or the API server is away
is tried for as long as that lasts, with the longest pause. What needs no Workflow is not limited: it costs a few
requests and ends at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.errors import BreakerOpenError, RateLimitedError, UnavailableError
from steps.findings import Kind
from steps.tries import Tries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steps.findings import Finding
    from steps.ledger import Ledger
    from steps.reconcile_rules import ReconcileRules
    from steps.survey import Survey


class Action(StrEnum):
    """What to do about a finding."""

    SUBMIT = "submit a Workflow"
    REOPEN = "reopen the record and submit a Workflow"
    FREE = "free the Lease"
    CLEAR = "clear the flag"
    SET_ASIDE = "copy the document aside"
    HAND_OVER = "call a person"
    WAIT = "wait"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One finding and what to do about it; `why` says why not more."""

    finding: Finding
    action: Action
    why: str = ""


_MENDED_BY = {
    Kind.LOST_PUSH: Action.SUBMIT,
    Kind.STUCK: Action.SUBMIT,
    Kind.FAILED: Action.SUBMIT,
    # A finished record would supersede its own push: it has to be unfinished first.
    Kind.LIVE_STALE: Action.REOPEN,
    # decide_claim lets these two in: GitHub could not be read, and the labels were left to this very push.
    Kind.HALF_MOVED: Action.SUBMIT,
    Kind.ORPHANED_LOCK: Action.FREE,
    Kind.STRAY_FLAG: Action.CLEAR,
    Kind.CORRUPT_STATE: Action.SET_ASIDE,
    Kind.UNREADABLE_RECORD: Action.HAND_OVER,
    Kind.WRONG_CLOCK: Action.REPORT,
}
# What is done to a task's own lock, and therefore counted. A state document is a courtesy to the platform: if it can't
# be written, that is said each time, and never keeps a cancellation from being finished.
_COUNTED = (Action.SUBMIT, Action.REOPEN, Action.FREE, Action.HAND_OVER)
# How the errors of a dependency that does not answer begin in a record.
_AWAY = tuple(error.__name__ for error in (UnavailableError, RateLimitedError, BreakerOpenError))


def plan(findings: Iterable[Finding], *, survey: Survey, rules: ReconcileRules) -> tuple[Intent, ...]:
    """What to do about each finding, in their order."""
    free = rules.in_flight - survey.repairs
    intents = []
    for finding in findings:
        intent = _intent(finding, survey=survey, rules=rules)
        if intent.action in (Action.SUBMIT, Action.REOPEN):
            if free <= 0:
                intent = Intent(finding=finding, action=Action.WAIT, why=f"{rules.in_flight} repairs are under way")
            free -= 1
        intents.append(intent)
    return tuple(intents)


def _intent(finding: Finding, *, survey: Survey, rules: ReconcileRules) -> Intent:
    ledger, action = finding.ledger, _MENDED_BY[finding.kind]
    tries = ledger.tries if ledger else Tries()
    if action is Action.SET_ASIDE and finding.document and finding.document.aside:
        return Intent(finding=finding, action=Action.REPORT, why="copied aside")
    if action is Action.REPORT or finding.document:
        return Intent(finding=finding, action=action)
    if ledger and ledger.handed_over:
        return Intent(finding=finding, action=Action.REPORT, why="waits for a person")
    if tries.count >= rules.tries and not _is_dependency_away(finding):
        return Intent(finding=finding, action=Action.HAND_OVER, why=f"tried {tries.count} times")
    if not tries.ready_at(survey.now, backoff_s=rules.backoff_s, longest=rules.tries):
        return Intent(finding=finding, action=Action.WAIT, why=f"tried {tries.count} times, the last a moment ago")
    return Intent(finding=finding, action=action)


def _is_dependency_away(finding: Finding) -> bool:
    """Whether a task failed for want of something that will come back: nobody could mend it, and nobody has to."""
    record = finding.ledger.record if finding.ledger else None
    last = record.errors[-1] if record and record.errors and finding.kind is Kind.FAILED else ""
    return last.partition(":")[0] in _AWAY


def healthy(survey: Survey, findings: Iterable[Finding]) -> Iterator[Ledger]:
    """Leases whose tries can be forgotten: nothing is under way, and nothing is wrong."""
    wrong = {finding.task for finding in findings if _MENDED_BY[finding.kind] in _COUNTED}
    busy = {task for task, _ in survey.busy}
    for ledger in survey.ledgers:
        if ledger.tries.count and ledger.at_rest and ledger.task not in wrong | busy:
            yield ledger

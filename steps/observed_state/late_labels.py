"""Finds pushes whose labels could not be moved for a reason that may go: no pull request, several, or a skip label.

Guarantees that a push is looked at again only for `late_labels_s`, and that its labels are due only if the rule of
steps.domain.label_decision, which the step itself follows, no longer finds the reason. Pure functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import LabelOutcome, decide_labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from steps.domain import FinishedPush, PullRequest
    from steps.observed_state.task_state import TaskState
    from steps.settings import LabelSettings, ReconcileSettings

# GitHub that could not be read, and labels that were left to a newer push, have rules of their own in detection.
_MAY_GO = (LabelOutcome.NO_PULL_REQUEST, LabelOutcome.AMBIGUOUS, LabelOutcome.SKIPPED)


def await_pull_request(
    task_states: Iterable[TaskState], *, now: datetime, settings: ReconcileSettings
) -> frozenset[str]:
    """Return the repositories that have a push whose labels may be due.

    Args:
        task_states: The tasks' Leases.
        now: Time of the pass.
        settings: For how long after its end a push is looked at again.
    """
    found: dict[str, str] = {}
    for task_state in task_states:
        pushes = task_state.record.finished_pushes if task_state.record and not task_state.holder else ()
        for done in pushes:
            if may_be_due(done, now=now, settings=settings):
                found.setdefault(done.push.repository.casefold(), done.push.repository)
    return frozenset(found.values())


def may_be_due(done: FinishedPush, *, now: datetime, settings: ReconcileSettings) -> bool:
    """Whether the labels of a finished push stayed for a reason that may go, and not too long ago."""
    if done.labels not in _MAY_GO or done.finished_at is None:
        return False
    return (now - done.finished_at).total_seconds() < settings.late_labels_s


def is_due(done: FinishedPush, *, pulls: Collection[PullRequest], settings: LabelSettings) -> bool:
    """Whether the reason for which the labels stayed has gone.

    Args:
        done: The push whose labels may be due.
        pulls: The open pull requests of its branch.
        settings: The skip label, and the label of the task's pull request.
    """
    plan = decide_labels(
        pulls,
        push=done.push,
        skip=settings.skip,
        task_label=settings.of_task(done.push.task),
    )
    return plan.labels in (LabelOutcome.PENDING, LabelOutcome.HEAD_MOVED)

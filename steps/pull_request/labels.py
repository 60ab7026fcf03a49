"""The pull request of a push: read under the lock, its labels moved once the agents are proven gone.

Guarantees the order that a crash survives: the new label first, the old one second, so that a pull request has both for
a moment but never neither. Only single labels are written. GitHub cannot make a write conditional, so the hold is
checked right before each and the pull request is read once after; what somebody else changed meanwhile is reported, not
undone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.core import UnavailableError
from steps.domain import LabelOutcome, LabelPlan, decide_labels
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.domain import Push, Record
    from steps.lease import HeldLease
    from steps.runtime import StepContext


def read_label_plan(*, context: StepContext, push: Push, while_waiting: Callable[[], None]) -> tuple[Push, LabelPlan]:
    """Read the push's pull request and decide about its labels.

    Args:
        context: The step.
        push: The push that is being worked on, usually the step's own.
        while_waiting: Called while waiting.

    Returns:
        The push to settle, and the plan. If the pull request's head is the step's own push rather than the one that is
        being finished for somebody else, it is the step's own.

    Raises:
        UnavailableError: GitHub can't be read and the settings say to wait.
        BadInputError: The repository does not exist.
        ForbiddenError: No credentials, or not enough of them.
    """
    settings = context.settings.labels
    try:
        found = context.clients.github(while_waiting).open_pull_requests(repository=push.repository, branch=push.branch)
    except UnavailableError as error:
        if context.settings.github.unreadable == "wait":
            raise
        context.log.warning("GitHub is unreadable: cancelling anyway, labels stay", problem=str(error))
        return push, LabelPlan(labels=LabelOutcome.UNREADABLE)
    task_label = settings.task.format(task=push.task)
    plan = decide_labels(found, push=push, skip=settings.skip, task_label=task_label)
    if plan.labels is LabelOutcome.HEAD_MOVED and plan.left_to == context.push.sha and push.ref == context.push.ref:
        push = context.push
        plan = decide_labels(found, push=push, skip=settings.skip, task_label=task_label)
    if plan.labels is LabelOutcome.AMBIGUOUS:
        numbers = [f"#{pull.number}" for pull in found]
        context.log.warning(
            f"several open pull requests have this head: labels stay; label the right one {task_label}", pulls=numbers
        )
    return push, plan


def move_labels(record: Record, *, context: StepContext, held: HeldLease) -> Record:
    """Move the labels of the record's pull request, if they are to be moved at all.

    Args:
        record: The ledger; its agents are proven gone.
        context: The step.
        held: Checked right before each write.

    Returns:
        The record with what became of the labels.

    Raises:
        UnavailableError: GitHub does not answer or limits us for longer than the deadline.
        ForbiddenError: The credentials may not write labels.
        LockLostError: The hold was lost.
    """
    pull = record.pull_request
    if record.labels is not LabelOutcome.PENDING or pull is None:
        return record
    settings, repository = context.settings.labels, record.push.repository
    github = context.clients.github(held.renew_if_due)
    held.ensure_held()
    github.add_label(
        repository=repository, number=pull.number, label=settings.add, reason=held.write_reason(WriteCause.ADD_LABEL)
    )
    held.ensure_held()
    reason = held.write_reason(WriteCause.REMOVE_LABEL)
    github.remove_label(repository=repository, number=pull.number, label=settings.remove, reason=reason)
    after = github.pull_request(repository=repository, number=pull.number)
    record = replace(record, labels=LabelOutcome.MOVED)
    now = {label.casefold() for label in after.labels}
    if after.head_sha != record.push.sha:
        context.log.info("the head moved while the labels did: its own push settles them", head=after.head_sha)
    if settings.add.casefold() not in now or settings.remove.casefold() in now:
        text = f"somebody changed the labels of #{pull.number} at the same moment; they are {sorted(after.labels)}"
        context.log.warning(text)
        record = record.with_error(text)
    return record

"""Reads the pull request of a push under the Lease, and moves its labels after the agents are proven gone.

Guarantees that the new label is added before the old one is removed, so a crash never leaves a pull request without
either. Single labels are written, never the whole list. GitHub has no preconditions for labels, so the Lease is checked
right before each write, and the pull request is read before and after. If a skip label was added meanwhile, the labels
do not change. If the head is newer, its own push moves the labels. A head that is known to be older than the push is a
delay of GitHub, not a newer push. Not guaranteed: labels that another client changes at the same time. The change is
reported, not undone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from steps.core import LAG_S, UnavailableError, read_through_lag
from steps.domain import ZERO_SHA, LabelOutcome, LabelPlan, decide_labels, is_known_older
from steps.pull_request.ended_branch import read_ended_plan
from steps.pull_request.push_history import is_newer_head, with_true_head
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.domain import PullRequest, Push, Record
    from steps.github import GitHub
    from steps.lease import HeldLease
    from steps.runtime import StepContext

# If the push does not name the commit that it replaced, a head may be older or newer. Most answers lag less than this.
_UNKNOWN_LAG_S = 3.0
# The watermark is earlier by the time that GitHub's fastest answer took. Agents that started within it would go on.
CLOCK_S, _CLOCK_READS = 2.0, 3

T = TypeVar("T")


def read_label_plan(
    record: Record, *, context: StepContext, while_waiting: Callable[[], None]
) -> tuple[Push, LabelPlan]:
    """Read the push's pull request and decide whether its labels move.

    Args:
        record: The record. Its push is the one that is being processed, usually the step's own.
        context: The step.
        while_waiting: Called while waiting.

    Returns:
        The push to settle, and the plan. If the step finishes the push of another Workflow and its own push is the
        pull request's head, the push to settle is the step's own.

    Raises:
        UnavailableError: GitHub cannot be read, and the settings say to wait.
        BadInputError: The repository does not exist.
        ForbiddenError: The credentials are missing or insufficient.
    """
    settings = context.settings.labels
    github, push = context.clients.github(while_waiting), record.push
    try:
        if push.ends:
            read_ended = partial(read_ended_plan, record, github=github, context=context, while_waiting=while_waiting)
            ended = _read_in_time(read_ended, github=github)
            return push, replace(ended, clock_offset_s=_clock_offset(github, context=context))
        read = partial(github.open_pull_requests, repository=push.repository, branch=push.branch)
        found = _read_in_time(read, github=github)
        skipped = _skipped_elsewhere(record, github=github, skip=settings.skip)
        task_label = settings.of_task(push.task)
        decide = partial(decide_labels, found, skip=settings.skip, task_label=task_label)
        plan = with_true_head(decide(push=push, older=record.older), record=record, github=github, log=context.log)
    except UnavailableError as error:
        if context.settings.github.unreadable == "wait":
            raise
        context.log.warning("GitHub cannot be read: agents are cancelled, labels do not move", problem=str(error))
        return push, LabelPlan(labels=LabelOutcome.UNREADABLE)
    if plan.labels is LabelOutcome.HEAD_MOVED and plan.left_to == context.push.sha and push.ref == context.push.ref:
        push = context.push
        plan = decide(push=push, older=record.older)
    if skipped and plan.labels is not LabelOutcome.SKIPPED:
        context.log.info("skip label is set on the pull request of another branch", pull_request=skipped.number)
        plan = LabelPlan(labels=LabelOutcome.SKIPPED, pull_request=skipped)
    plan = replace(plan, clock_offset_s=_clock_offset(github, context=context))
    if plan.labels is LabelOutcome.AMBIGUOUS:
        numbers = [f"#{pull.number}" for pull in found]
        context.log.warning(
            f"several open pull requests have this head: add label {task_label} to the right one",
            pulls=numbers,
        )
    return push, plan


def _read_in_time(read: Callable[[], T], *, github: GitHub) -> T:
    """Read, and again if the answer was so slow that it does not tell GitHub's time. Not more than a few times."""
    for _ in range(_CLOCK_READS - 1):
        found = read()
        if (github.server_clock.uncertainty_s or 0.0) <= CLOCK_S:
            return found
    return read()


def _clock_offset(github: GitHub, *, context: StepContext) -> float | None:
    """Seconds by which the API server's clock is ahead of GitHub's."""
    return context.clients.kube.server_clock.ahead_of_s(github.server_clock)


def _skipped_elsewhere(record: Record, *, github: GitHub, skip: str) -> PullRequest | None:
    """Return a pull request of another branch of the task that has the skip label; None if there is none.

    The agents work for the task, so a skip label on any of its pull requests keeps them.
    """
    branches = {each.push.branch for each in record.branches}
    pulls = github.latest_pull_requests(repository=record.push.repository) if branches else ()
    opened = (each for each in pulls if each.is_open and each.branch in branches)
    return next((each.pull_request for each in opened if each.pull_request.has_label(skip)), None)


def move_labels(record: Record, *, context: StepContext, held: HeldLease) -> Record:
    """Move the labels of the record's pull request, if the record's label outcome is pending.

    Args:
        record: The record. Its agents are proven gone.
        context: The step.
        held: The task's Lease, checked right before each write.

    Returns:
        The record with the outcome of the labels.

    Raises:
        UnavailableError: GitHub does not answer, or limits requests for longer than the deadline.
        ForbiddenError: The credentials do not permit to write labels.
        LockLostError: The Lease was lost.
    """
    pull = record.pull_request
    # A head that looked newer may have been GitHub's delay, so it is read again.
    if record.labels not in (LabelOutcome.PENDING, LabelOutcome.HEAD_MOVED) or pull is None:
        return record
    settings, repository = context.settings.labels, record.push.repository
    if not settings.moves:
        return replace(record, labels=LabelOutcome.SWITCHED_OFF, left_to="")
    github = context.clients.github(held.renew_if_due)
    now = _read_again(record, github=github, number=pull.number, context=context, held=held)
    if now.has_label(settings.skip):
        context.log.info("skip label was added meanwhile, labels not moved", label=settings.skip)
        return replace(record, labels=LabelOutcome.SKIPPED)
    if now.head_sha != record.push.sha and is_newer_head(
        now.head_sha,
        push=record.push,
        known_older=_is_older(now.head_sha, record),
        github=github,
        log=context.log,
    ):
        context.log.info("pull request head moved, waiting for its push", head=now.head_sha)
        return replace(record, labels=LabelOutcome.HEAD_MOVED, left_to=now.head_sha)
    if settings.add:
        held.ensure_held()
        reason = held.write_reason(WriteCause.ADD_LABEL)
        github.add_label(repository=repository, number=pull.number, label=settings.add, reason=reason)
    if settings.remove:
        held.ensure_held()
        reason = held.write_reason(WriteCause.REMOVE_LABEL)
        github.remove_label(repository=repository, number=pull.number, label=settings.remove, reason=reason)
    after = github.pull_request(repository=repository, number=pull.number)
    pull = replace(pull, head_sha=record.push.sha)
    record = replace(record, labels=LabelOutcome.MOVED, left_to="", pull_request=pull)
    if after.head_sha != record.push.sha and not _is_older(after.head_sha, record):
        context.log.info("pull request head moved with the labels, waiting for its push", head=after.head_sha)
    if (settings.add and not after.has_label(settings.add)) or after.has_label(settings.remove):
        text = f"another client changed the labels of #{pull.number} at the same time: now {sorted(after.labels)}"
        context.log.warning(text)
        record = record.with_error(text)
    return record


def _is_older(sha: str, record: Record) -> bool:
    return is_known_older(sha, push=record.push, older=record.older)


def _read_again(record: Record, *, github: GitHub, number: int, context: StepContext, held: HeldLease) -> PullRequest:
    """Read the pull request. If its head is older than the push, or may be, read it again for some seconds."""

    def read() -> PullRequest:
        held.ensure_held()
        return github.pull_request(repository=record.push.repository, number=number)

    return read_through_lag(
        read,
        lag_s=lambda found: _lag_s(found.head_sha, record),
        clock=context.clock,
        while_waiting=held.renew_if_due,
    )


def _lag_s(head: str, record: Record) -> float:
    """Return the seconds for which GitHub may show this head although the push is newer."""
    if _is_older(head, record):
        return LAG_S
    return _UNKNOWN_LAG_S if head != record.push.sha and record.push.before == ZERO_SHA else 0.0

"""Moves the labels of a pull request after the agents are proven gone.

Guarantees that the new label is added before the old one is removed, so a crash never leaves a pull request without
either. Single labels are written, never the whole list. GitHub has no preconditions for labels, so the Lease is checked
right before each write, and the pull request is read before and after. If a skip label was added meanwhile, or the pull
request was closed, the labels do not change. If the head is newer, its own push moves the labels. A head that is older
than the push is a delay of GitHub, not a newer push. Not guaranteed: labels that another client changes at the same
time. The change is reported, not undone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.core import LAG_S, read_through_lag
from steps.domain import ZERO_SHA, LabelOutcome, is_known_older
from steps.pull_request.push_history import is_newer_head
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from steps.domain import Record
    from steps.github import BranchPullRequest, GitHub
    from steps.lease import HeldLease
    from steps.runtime import StepContext

# If the push does not name the commit that it replaced, a head may be older or newer. Most answers lag less than this.
_UNKNOWN_LAG_S = 3.0


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
    record = replace(record, left_to="")
    if not settings.moves:
        return replace(record, labels=LabelOutcome.SWITCHED_OFF)
    github = context.clients.github(held.renew_if_due)
    shown = _read_again(record, github=github, number=pull.number, context=context, held=held)
    if shown is None or not shown.is_open:
        context.log.info("pull request was closed meanwhile, labels not moved", pull_request=pull.number)
        return replace(record, labels=LabelOutcome.NO_PULL_REQUEST)
    now = shown.pull_request
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
    record = replace(record, labels=LabelOutcome.MOVED, pull_request=pull)
    if after.head_sha != record.push.sha and not _is_older(after.head_sha, record):
        context.log.info("pull request head moved with the labels, waiting for its push", head=after.head_sha)
    if (settings.add and not after.has_label(settings.add)) or after.has_label(settings.remove):
        text = f"another client changed the labels of #{pull.number} at the same time: now {sorted(after.labels)}"
        context.log.warning(text)
        record = record.with_error(text)
    return record


def _is_older(sha: str, record: Record) -> bool:
    return is_known_older(sha, push=record.push, older=record.older)


def _read_again(
    record: Record, *, github: GitHub, number: int, context: StepContext, held: HeldLease
) -> BranchPullRequest | None:
    """Read the pull request. If its head is older than the push, or may be, read it again for some seconds."""

    def read() -> BranchPullRequest | None:
        held.ensure_held()
        return github.branch_pull_request(repository=record.push.repository, number=number)

    return read_through_lag(
        read,
        lag_s=lambda found: _lag_s(found.pull_request.head_sha, record) if found and found.is_open else 0.0,
        clock=context.clock,
        while_waiting=held.renew_if_due,
    )


def _lag_s(head: str, record: Record) -> float:
    """Return the seconds for which GitHub may show this head although the push is newer."""
    if _is_older(head, record):
        return LAG_S
    return _UNKNOWN_LAG_S if head != record.push.sha and record.push.before == ZERO_SHA else 0.0

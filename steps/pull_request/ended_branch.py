"""Reads the pull requests of a branch that has ended: under the Lease, and before it if a push could be forgotten.

Guarantees that nothing is stopped if a pull request of the branch is open again, or if the closed one has a person's
skip label. GitHub shows the end seconds after its webhook, so a pull request that has not changed since is read again
for some seconds. If GitHub still shows it as open after that, it counts as open, and its agents are kept.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from steps.core import LAG_S, BadInputError, ForbiddenError, UnavailableError, read_through_lag
from steps.domain import LabelOutcome, decide_ended
from steps.runtime import UnreadableGitHub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steps.domain import LabelPlan, PullRequest, Push, Record
    from steps.github import BranchPullRequest, GitHub
    from steps.runtime import StepContext

# GitHub's times are whole seconds, and those of a webhook and of an answer may differ by one.
_CLOCK = timedelta(seconds=2)
# Labels of a finished push for which nothing is left to do.
_LABELS_DONE = (LabelOutcome.MOVED, LabelOutcome.SWITCHED_OFF)


def lives_on(stored: Record | None, *, context: StepContext) -> bool:
    """Whether the step's push is the end of a branch that lives on, because GitHub shows an open pull request of it.

    Only asked if the record would forget the branch's own push, which is unfinished, waits for labels, or may be late.
    If GitHub cannot be read, the end is claimed, and read again under the Lease, unless an unfinished push would be
    forgotten.

    Args:
        stored: The task's record; None if the task has none.
        context: The step. It does not hold the task's Lease.

    Raises:
        StepError: GitHub cannot be read, and the settings say to wait.
    """
    push = context.push
    known = stored.latest_push(push.ref) if stored else None
    unfinished = stored is not None and not stored.finished and stored.push.ref == push.ref
    # A push of another commit may still come.
    done = known and not unfinished and known.push.sha == push.before and known.labels in _LABELS_DONE
    if not push.ends or done or (known and known.push.ends):
        return False
    try:
        with UnreadableGitHub("the branch has ended", context=context):
            github = context.clients.github(lambda: None)
            plan = read_ended_plan(push, github=github, context=context, while_waiting=lambda: None)
            return plan.labels is LabelOutcome.OPEN_AGAIN
    except (BadInputError, ForbiddenError, UnavailableError):
        if unfinished:
            raise
    return False


def read_ended_plan(
    push: Push, *, github: GitHub, context: StepContext, while_waiting: Callable[[], None]
) -> LabelPlan:
    """Read the pull requests of a branch that has ended, and decide whether its agents are stopped.

    Args:
        push: The end of the branch.
        github: The connection.
        context: The step.
        while_waiting: Called while waiting.

    Raises:
        StepError: GitHub cannot be read.
    """

    def lag_s(found: Sequence[BranchPullRequest]) -> float:
        if not any(each.is_open and each.updated_at <= push.pushed_at for each in found):
            return 0.0
        context.log.info("GitHub does not show yet that the branch has ended", branch=push.branch)
        return LAG_S

    found = read_through_lag(
        partial(github.branch_pull_requests, repository=push.repository, branch=push.branch),
        lag_s=lag_s,
        clock=context.clock,
        while_waiting=while_waiting,
    )
    return decide_ended(
        opened=[each.pull_request for each in found if each.is_open],
        closed=_closed_by(push, found),
        skip=context.settings.labels.skip,
    )


def _closed_by(end: Push, found: Sequence[BranchPullRequest]) -> list[PullRequest]:
    """Return the pull requests that an end closed, the latest last; else the one that was closed last.

    The deletion of a branch closes all its pull requests, seconds later.
    """
    closed = sorted((each.closed_at, each.pull_request.number, each) for each in found if each.closed_at is not None)
    by_end = [each.pull_request for at, _, each in closed if at >= end.pushed_at - _CLOCK]
    return by_end or [each.pull_request for _, _, each in closed[-1:]]

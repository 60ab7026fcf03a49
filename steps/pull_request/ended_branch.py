"""Reads the pull requests of a branch that has ended, under the Lease.

Guarantees that nothing is stopped if a pull request of the branch is open again, or if the closed one has a person's
skip label. GitHub shows the end seconds after its webhook, so a pull request that has not changed since is read again
for some seconds. If GitHub still shows it as open after that, it counts as open, and its agents are kept.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from steps.core import LAG_S, read_through_lag
from steps.domain import LabelOutcome, decide_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steps.domain import LabelPlan, PullRequest, Push
    from steps.github import BranchPullRequest, GitHub
    from steps.runtime import StepContext

# GitHub's times are whole seconds, and those of a webhook and of an answer may differ by one.
_CLOCK = timedelta(seconds=2)


def lives_on(push: Push, *, context: StepContext) -> bool:
    """Whether GitHub shows an open pull request of a branch after its end, and goes on to do so for some seconds.

    Args:
        push: The end of the branch.
        context: The step. It does not hold the task's Lease yet.

    Raises:
        StepError: GitHub cannot be read.
    """
    github = context.clients.github(lambda: None)
    plan = read_ended_plan(push, github=github, context=context, while_waiting=lambda: None)
    return plan.labels is LabelOutcome.OPEN_AGAIN


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

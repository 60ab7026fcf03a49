"""Reads the pull requests of a branch that has ended, under the Lease.

Guarantees that nothing is stopped if a pull request of the branch is open again, or if the closed one has a person's
skip label. GitHub shows the end seconds after its webhook, so a pull request that has not changed since is read again
for some seconds. If GitHub still shows it as open after that, it counts as open, and its agents are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import wait
from steps.domain import decide_ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.domain import LabelPlan, Record
    from steps.github import GitHub
    from steps.runtime import StepContext

# As for a new head (tanium/octobot#75).
_LAG_S, _LAG_POLL_S = 10.0, 1.0


def read_ended_plan(
    record: Record, *, github: GitHub, context: StepContext, while_waiting: Callable[[], None]
) -> LabelPlan:
    """Read the pull requests of the record's branch, and decide whether its agents are stopped.

    Args:
        record: The record. Its push is the end of a branch.
        github: The connection.
        context: The step.
        while_waiting: Called while waiting.

    Raises:
        StepError: GitHub cannot be read.
    """
    push, began = record.push, context.clock.monotonic()
    while True:
        found = github.branch_pull_requests(repository=push.repository, branch=push.branch)
        unchanged = [each for each in found if each.is_open and each.updated_at <= push.pushed_at]
        if not unchanged or context.clock.monotonic() - began >= _LAG_S:
            return decide_ended(
                opened=[each.pull_request for each in found if each.is_open],
                closed=[each.pull_request for each in found if not each.is_open],
                skip=context.settings.labels.skip,
            )
        context.log.info("GitHub does not show yet that the branch has ended", branch=push.branch)
        wait(_LAG_POLL_S, clock=context.clock, while_waiting=while_waiting)

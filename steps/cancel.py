"""The container of a push: cancels the stale agents, proves that they are gone, and moves the labels.

    python -m steps.cancel

Guarantees that after success the record is finished and the Lease is released. If the push is superseded or a dry run,
nothing is written, except that waiting Workflows which are superseded too are ended. While the agents end, the pod
helps pushes of other tasks that wait for a pod.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from steps.cancellation import (
    finish_execution,
    preview,
    report_finished,
    report_ignored,
    start_execution,
    with_own_push,
)
from steps.domain import check_push_time
from steps.help import Helper
from steps.runtime import recording_failure, run_step

if TYPE_CHECKING:
    from steps.runtime import StepContext


def cancel(context: StepContext) -> None:
    """Stop the agents that still work on the code from before the push, and move the pull request's labels.

    Args:
        context: The step.

    Raises:
        StepError: The step failed. Its `exit` decides whether the Workflow retries it.
    """
    context = with_own_push(context)
    check_push_time(context.push, created_at=context.created_at, settings=context.settings.push)
    if context.general.ignores(context.push.reason, repository=context.push.repository):
        report_ignored(context)
        return
    if context.push.dry_run:
        preview(context)
        return
    started = start_execution(context)
    if started is None:
        report_finished(context)
        return
    # SIGTERM may come before the second part begins: the helper starts a thread in between.
    with recording_failure(started.held, context=started.context), Helper(context).beside():
        finish_execution(started)


if __name__ == "__main__":
    sys.exit(run_step(cancel))

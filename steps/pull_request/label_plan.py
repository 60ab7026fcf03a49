"""Reads the pull request of a push under the Lease, and decides whether its labels move.

Guarantees that the plan is made of one moment's answers, and that the difference of GitHub's clock is measured with
them. A skip label on the pull request of any of the task's branches keeps the agents. Nothing is written.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from steps.domain import LabelOutcome, LabelPlan, decide_labels
from steps.pull_request.clock_comparison import clock_offset, read_in_time
from steps.pull_request.ended_branch import read_ended_plan
from steps.pull_request.other_branches import with_open_branches, with_other_branches
from steps.pull_request.push_history import with_true_head
from steps.runtime import UnreadableGitHub

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from steps.domain import PullRequest, Push, Record
    from steps.runtime import StepContext


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
    with UnreadableGitHub("agents are cancelled, labels do not move", context=context):
        if push.ends:
            read_ended = partial(read_ended_plan, push, github=github, context=context, while_waiting=while_waiting)
            plan = read_in_time(read_ended, github=github, context=context)
            plan = with_open_branches(plan, record=record, github=github, context=context)
            return push, replace(plan, clock_offset_s=clock_offset(github, context=context))
        read = partial(github.open_pull_requests, repository=push.repository, branch=push.branch)
        found = read_in_time(read, github=github, context=context)
        decide = partial(decide_labels, found, skip=settings.skip, task_label=settings.of_task(push.task))
        plan = with_true_head(decide(push=push, older=record.older), record=record, github=github, log=context.log)
        if plan.labels is LabelOutcome.HEAD_MOVED and (plan.left_to, push.ref) == (context.push.sha, context.push.ref):
            push = context.push
            plan = decide(push=push)
        plan = with_other_branches(plan, record=record, github=github, context=context)
        if plan.labels is LabelOutcome.AMBIGUOUS:
            _warn_of_several(found, context=context)
        return push, replace(plan, clock_offset_s=clock_offset(github, context=context))
    return push, LabelPlan(labels=LabelOutcome.UNREADABLE)


def _warn_of_several(found: Sequence[PullRequest], *, context: StepContext) -> None:
    task_label = context.settings.labels.of_task(context.push.task)
    context.log.warning(
        f"several open pull requests have this head: add label {task_label} to the right one",
        pulls=[f"#{pull.number}" for pull in found],
    )

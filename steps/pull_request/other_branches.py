"""The open pull requests of a task's other branches: a skip label on one of them, and those for which agents may work.

Guarantees that the branches of the record are each read by themselves: in a busy repository, a list of the latest pull
requests need not have them. At the end of a branch, the repository's list is read as well, for branches that no agent
pushed. Not guaranteed: that it has such a branch in a repository with more than a hundred open pull requests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.domain import LabelOutcome, LabelPlan, find_task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from steps.domain import PullRequest, Record
    from steps.github import BranchPullRequest, GitHub
    from steps.runtime import StepContext


def with_other_branches(plan: LabelPlan, *, record: Record, github: GitHub, context: StepContext) -> LabelPlan:
    """Return the plan of a push, unless a pull request of another branch of the task has the skip label.

    The agents work for the task, so a skip label on any of its pull requests keeps them.
    """
    if plan.labels is LabelOutcome.SKIPPED:
        return plan
    pulls = (
        pull
        for branch in _recorded_branches(record)
        for pull in github.open_pull_requests(repository=record.push.repository, branch=branch)
    )
    return _unless_skipped(plan, pulls, context=context)


def with_open_branches(plan: LabelPlan, *, record: Record, github: GitHub, context: StepContext) -> LabelPlan:
    """Return the plan of a branch that has ended, with the heads of the task's other open pull requests.

    Args:
        plan: The plan by the pull requests of the branch.
        record: The record. Its push is the end of the branch.
        github: The connection.
        context: The step.
    """
    if plan.labels is not LabelOutcome.CLOSED:
        return plan
    found = {each.pull_request.number: each for each in _other_open(record, github=github, context=context)}
    pulls = [each.pull_request for _, each in sorted(found.items())]
    heads = {each.pull_request.head_sha for each in found.values() if not _has_ended(each, record=record)}
    if heads:
        context.log.info("task has other open pull requests, agents that may work for them are kept", heads=len(heads))
    return _unless_skipped(replace(plan, open_heads=tuple(sorted(heads))), pulls, context=context)


def _other_open(record: Record, *, github: GitHub, context: StepContext) -> Iterable[BranchPullRequest]:
    """Yield the open pull requests of the task's other branches, some of them twice."""
    push, patterns = record.push, context.settings.tasks
    for branch in _recorded_branches(record):
        yield from (
            each for each in github.branch_pull_requests(repository=push.repository, branch=branch) if each.is_open
        )
    for each in github.latest_pull_requests(repository=push.repository, state="open"):
        if each.branch != push.branch and find_task(each.branch, patterns=patterns) == push.task:
            yield each


def _recorded_branches(record: Record) -> list[str]:
    return sorted({each.push.branch for each in record.branches if each.push.ref != record.push.ref})


def _has_ended(pull: BranchPullRequest, *, record: Record) -> bool:
    """Whether the record has the end of an open pull request's branch: GitHub still shows it as open for some time."""
    ends = [each.push for each in record.branches if each.push.branch == pull.branch and each.push.ends]
    return any(pull.updated_at <= end.pushed_at for end in ends)


def _unless_skipped(plan: LabelPlan, pulls: Iterable[PullRequest], *, context: StepContext) -> LabelPlan:
    for pull in pulls:
        if pull.has_label(context.settings.labels.skip):
            context.log.info("skip label is set on the pull request of another branch", pull_request=pull.number)
            return LabelPlan(labels=LabelOutcome.SKIPPED, pull_request=pull)
    return plan

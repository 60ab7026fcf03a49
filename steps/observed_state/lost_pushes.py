"""Finds the newest push of each task, and its end, in what GitHub lists. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import HEADS, RECONCILE_REASON, ZERO_SHA, Push, Repository, Sha, find_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from steps.domain import TaskId
    from steps.github import Activity, BranchPullRequest
    from steps.settings import ReconcileStepSettings, TaskPattern


def newest_pushes(
    activities: Iterable[Activity],
    *,
    repository: Repository,
    settings: ReconcileStepSettings,
) -> Iterator[Push]:
    """Return the newest push of each branch of a task by one of the senders, or its deletion by anybody.

    Pushes of others make no agent stale.

    Args:
        activities: The activities that GitHub lists, newest first.
        repository: Repository of the activities.
        settings: The senders and events that count, and the branches that are tasks.
    """
    counted = {login.casefold() for login in settings.events.senders}
    deletions = settings.reacts_to("deleted", repository=repository)
    seen: set[str] = set()  # refs
    for activity in activities:
        task = find_task(activity.ref, patterns=settings.tasks)
        if not task or activity.ref in seen:
            continue
        deleted = activity.sha == ZERO_SHA
        if (not deletions) if deleted else (activity.by.casefold() not in counted):
            continue
        seen.add(activity.ref)
        yield _found_push(repository, task, ref=activity.ref, before=activity.before, sha=activity.sha, at=activity.at)


def closed_branches(
    pulls: Iterable[BranchPullRequest], *, repository: Repository, tasks: Sequence[TaskPattern]
) -> Iterator[Push]:
    """Return the end of each branch of a task whose pull requests are all closed.

    Args:
        pulls: The pull requests that GitHub lists, open and closed.
        repository: Their repository.
        tasks: Which branches are tasks.
    """
    latest: dict[str, BranchPullRequest] = {}
    alive: set[str] = set()
    for pull in pulls:
        if pull.closed_at is None:
            alive.add(pull.branch)
        elif pull.branch not in latest or pull.closed_at > (latest[pull.branch].closed_at or pull.closed_at):
            latest[pull.branch] = pull
    for branch, pull in latest.items():
        task = find_task(branch, patterns=tasks)
        if task and pull.closed_at and branch not in alive:
            before = pull.pull_request.head_sha
            yield _found_push(repository, task, ref=f"{HEADS}{branch}", before=before, sha=ZERO_SHA, at=pull.closed_at)


def _found_push(repository: Repository, task: TaskId, *, ref: str, before: str, sha: str, at: datetime) -> Push:
    """Return a push as reconcile submits it."""
    return Push(
        repository=repository,
        task=task,
        ref=ref,
        before=Sha(before),
        sha=Sha(sha),
        pushed_at=at,
        correlation_id=RECONCILE_REASON,
        reason=RECONCILE_REASON,
        dry_run=False,
        requested_by=RECONCILE_REASON,
    )

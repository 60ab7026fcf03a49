"""Finds the newest push of each task, and its end, in what GitHub lists. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import HEADS, RECONCILE_REASON, ZERO_SHA, Push, Repository, Sha, find_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
        yield Push(
            repository=repository,
            task=task,
            ref=activity.ref,
            before=Sha(activity.before),
            sha=Sha(activity.sha),
            pushed_at=activity.at,
            correlation_id=RECONCILE_REASON,
            reason=RECONCILE_REASON,
            dry_run=False,
            requested_by=RECONCILE_REASON,
        )


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
            yield Push(
                repository=repository,
                task=task,
                ref=f"{HEADS}{branch}",
                before=Sha(pull.pull_request.head_sha),
                sha=Sha(ZERO_SHA),
                pushed_at=pull.closed_at,
                correlation_id=RECONCILE_REASON,
                reason=RECONCILE_REASON,
                dry_run=False,
                requested_by=RECONCILE_REASON,
            )

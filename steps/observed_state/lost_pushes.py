"""Finds the newest push of each task in the activity that GitHub lists. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import RECONCILE_REASON, ZERO_SHA, Push, Repository, Sha, find_task

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from steps.github import Activity
    from steps.settings import TaskPattern


def newest_pushes(
    activities: Iterable[Activity],
    *,
    repository: Repository,
    senders: Collection[str],
    tasks: Sequence[TaskPattern],
) -> Iterator[Push]:
    """Return the newest push of each branch of a task by one of the senders. Pushes of others make no agent stale.

    Args:
        activities: The activities that GitHub lists, newest first.
        repository: Repository of the activities.
        senders: Logins whose pushes count.
        tasks: Which branches are tasks.
    """
    counted = {login.casefold() for login in senders}
    seen: set[str] = set()  # refs
    for activity in activities:
        task = find_task(activity.ref, patterns=tasks)
        if not task or activity.ref in seen or activity.sha == ZERO_SHA or activity.by.casefold() not in counted:
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

"""Reads what a pass needs to know from GitHub: the newest pushes, and the open pull requests.

Guarantees that a pass signs in at most once, and sends at most two requests for each repository, whatever the number of
tasks. A repository that cannot be read does not affect the others. Not guaranteed: that everything is listed. Each
request reads one page, the hundred latest changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from steps.core import StepError, TerminatedError
from steps.domain import Repository
from steps.observed_state import await_pull_request, newest_pushes, read_or_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from steps.agents import AgentRun
    from steps.domain import PullRequest, Push
    from steps.github import GitHub
    from steps.observed_state import TaskState
    from steps.reconciliation.context import ReconcileContext

# Repository in lower case, and branch.
Branch = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubState:
    """What GitHub showed.

    Attributes:
        pushes: The newest push of each task.
        pulls: The open pull requests by branch. Only repositories with a push that waits for one are read.
    """

    pushes: tuple[Push, ...] = ()
    pulls: Mapping[Branch, tuple[PullRequest, ...]] = field(default_factory=dict)


def read_github(
    runs: Iterable[tuple[str, AgentRun]],
    task_states: Iterable[TaskState],
    *,
    now: datetime,
    context: ReconcileContext,
    unread: list[str],
) -> GitHubState:
    """Ask GitHub about the repositories for which an answer may matter.

    Args:
        runs: Unfinished runs with their tasks.
        task_states: The tasks' Leases.
        now: Time of the pass.
        context: The process.
        unread: Gets an error for each part that cannot be read.
    """
    settings = context.settings
    # An agent that is younger cannot have missed a push for long enough.
    before = now - timedelta(seconds=settings.reconcile.lost_after_s)
    working = {
        run.facts.repository.casefold(): run.facts.repository for _, run in runs if run.facts.created_at <= before
    }
    active = [Repository(name) for key, name in sorted(working.items()) if settings.events.has(key)]
    awaiting = sorted(await_pull_request(task_states, now=now, settings=settings.reconcile))
    if not active and not awaiting:
        return GitHubState()
    try:
        # A pass has half a minute, so it does not wait for the end of a rate limit. The next pass tries again.
        github = context.clients.github(lambda: None)
    except TerminatedError:
        raise
    except StepError as error:
        unread.append(str(error))
        return GitHubState()
    pushes: list[Push] = []
    for repository in active:
        activities = read_or_report(partial(github.activity, repository=repository), unread=unread)
        pushes += newest_pushes(
            activities, repository=repository, senders=settings.events.senders, tasks=settings.tasks
        )
    return GitHubState(pushes=tuple(pushes), pulls=_pulls(awaiting, github=github, unread=unread))


def _pulls(repositories: Iterable[str], *, github: GitHub, unread: list[str]) -> dict[Branch, tuple[PullRequest, ...]]:
    """Sort the latest open pull requests of the repositories by branch."""
    found: dict[Branch, tuple[PullRequest, ...]] = {}
    for repository in repositories:
        listed = read_or_report(partial(github.latest_pull_requests, repository=repository), unread=unread)
        for branch, pull in listed:
            key = (repository.casefold(), branch)
            found[key] = (*found.get(key, ()), pull)
    return found

"""Reads what a pass needs to know from GitHub: the newest pushes, and the open pull requests.

Guarantees that a pass signs in at most once, and sends at most three requests for each repository, whatever the number
of tasks: two if no labels wait for a pull request. A repository that cannot be read does not affect the others. If
GitHub is slow, a pass asks about some of the repositories, and delays no repair; each is asked about in some pass. Not
guaranteed: that everything is listed. Each request reads one page, the hundred latest changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from steps.core import StepError, TerminatedError
from steps.domain import Repository
from steps.observed_state import await_pull_request, closed_branches, newest_pushes, read_or_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from steps.agents import AgentRun
    from steps.domain import PullRequest, Push
    from steps.github import BranchPullRequest, GitHub
    from steps.observed_state import TaskState
    from steps.reconciliation.context import ReconcileContext

# Repository in lower case, and branch.
Branch = tuple[str, str]
# A pass has half a minute, and its pod two.
_ASK_FOR_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubState:
    """What GitHub showed.

    Attributes:
        pushes: The newest push of each branch, and the ends of branches.
        pulls: The open pull requests by branch, of repositories with agents or with a push that waits for one.
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
    found = _Answers()
    for repository in _in_time(sorted({*active, *awaiting}), context=context, unread=unread):
        if repository in active:
            _read_activity(Repository(repository), into=found, github=github, context=context, unread=unread)
        if repository in awaiting:
            # Closed ones would take the place of open ones in the list of the latest hundred.
            latest = partial(github.latest_pull_requests, repository=repository, state="open")
            found.opened[repository.casefold()] = read_or_report(latest, unread=unread)
    return GitHubState(pushes=tuple(found.pushes.values()), pulls=_opened(found.listed | found.opened))


@dataclass(frozen=True, slots=True)
class _Answers:
    """The newest push of each branch, and the latest and the open pull requests of each repository in lower case."""

    pushes: dict[tuple[str, str], Push] = field(default_factory=dict)
    listed: dict[str, tuple[BranchPullRequest, ...]] = field(default_factory=dict)
    opened: dict[str, tuple[BranchPullRequest, ...]] = field(default_factory=dict)


def _read_activity(
    repository: Repository, *, into: _Answers, github: GitHub, context: ReconcileContext, unread: list[str]
) -> None:
    """Read the pushes of a repository, and the ends of its branches."""
    settings, pushes = context.settings, into.pushes
    activities = read_or_report(partial(github.activity, repository=repository), unread=unread)
    for push in newest_pushes(activities, repository=repository, settings=settings):
        pushes[repository, push.ref] = push
    if not settings.reacts_to("closed", repository=repository):
        return
    latest = read_or_report(partial(github.latest_pull_requests, repository=repository), unread=unread)
    into.listed[repository.casefold()] = latest
    for end in closed_branches(latest, repository=repository, tasks=settings.tasks):
        known = pushes.get((repository, end.ref))
        if known is None or _is_later(end, known):
            pushes[repository, end.ref] = end


def _in_time(repositories: Sequence[str], *, context: ReconcileContext, unread: list[str]) -> Iterator[str]:
    """Yield the repositories until the time is over, and report that. Begins anywhere, so that each has its turn."""
    began, first = context.clock.monotonic(), int(context.random() * len(repositories))
    for number, repository in enumerate((*repositories[first:], *repositories[:first])):
        if context.clock.monotonic() - began >= _ASK_FOR_S:
            unread.append(
                f"GitHub is slow: in {_ASK_FOR_S:g} s, this pass asked about {number} of {len(repositories)} "
                "repositories; further passes ask about the others"
            )
            return
        yield repository


def _is_later(end: Push, known: Push) -> bool:
    """Whether a branch ended after a push. Both have GitHub's own times; within one second, the commits decide."""
    return end.pushed_at > known.pushed_at or (end.pushed_at == known.pushed_at and end.before == known.sha)


def _opened(listed: Mapping[str, Iterable[BranchPullRequest]]) -> dict[Branch, tuple[PullRequest, ...]]:
    """Sort the open pull requests by repository, in lower case, and branch."""
    found: dict[Branch, tuple[PullRequest, ...]] = {}
    for repository, pulls in listed.items():
        for each in pulls:
            if each.is_open:
                key = (repository, each.branch)
                found[key] = (*found.get(key, ()), each.pull_request)
    return found

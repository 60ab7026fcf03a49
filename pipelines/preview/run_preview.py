"""The runs that a push to a branch would stop now, and those that it would keep.

Guarantees that it only reads. The decisions are those of the steps, by the policy of the repository and by what the
runs own, for a push of this moment to a commit that no run names. Of a run that can be started again, such as a
Deployment, the push is taken to replace the commit, and the reason says so. If the person may not list what runs own,
the decisions are without it, and the result says so. Not covered: what the pull request says, such as a skip label.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.agents import decide_all, decide_runs, runs_of_task
from steps.core import ForbiddenError
from steps.domain import ZERO_SHA, Phase, Push, Record, Repository, RunOutcome, Sha, shown_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from pipelines.settings import Settings
    from steps.agents import AgentRun
    from steps.domain import Agent, TaskId
    from steps.kube import Kube

_UNKNOWN = "preview"
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPreview:
    """One run of the task."""

    kind: str
    name: str
    agent: str
    stopped: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPreview:
    """What a push now would do to a task.

    Attributes:
        runs: The runs of the task, the oldest first.
        unread: Why what the runs own is not known, so that a run to be stopped may be kept; empty if it is known.
    """

    runs: tuple[RunPreview, ...]
    unread: str = ""


def preview_runs(
    repository: str, ref: str, task: TaskId, *, settings: Settings, kube: Kube, now: datetime
) -> TaskPreview:
    """List the task's runs, with what a push now would do to each.

    Args:
        repository: The repository of the push.
        ref: The branch of the push, with refs/heads/.
        task: The task of the branch.
        settings: The general settings, without the repository's policy.
        kube: The API server.
        now: The current time.

    Raises:
        StepError: The API server refuses to list the runs, or does not answer.
    """
    own = settings.for_repository(repository)
    push = Push(
        repository=Repository(repository),
        task=task,
        ref=ref,
        sha=Sha("f" * 40),
        before=Sha(ZERO_SHA),
        pushed_at=now,
        correlation_id=_UNKNOWN,
        reason=_UNKNOWN,
        dry_run=True,
        requested_by=_UNKNOWN,
    )
    record = Record(
        push=push,
        watermark=now,
        phase=Phase.IN_PROGRESS,
        attempts=1,
        workflow=_UNKNOWN,
        workflow_uid=_UNKNOWN,
        started_at=now,
    )
    runs = runs_of_task(task, settings=own, kube=kube)
    commits = dict(_replaced_commits(runs))
    record = replace(record, older=tuple(commits.values()))
    unread = ""
    try:
        judged = decide_runs(runs, record=record, settings=own, kube=kube)
    except ForbiddenError as error:
        judged, unread = decide_all(runs, record=record), str(error)
    stale = [_as_stale(run, commit=commits.get(run.uid, "")) for run in judged.stale]
    names = shown_names([*stale, *judged.kept])
    found = tuple(
        RunPreview(
            kind=agent.kind,
            name=names[agent.uid],
            agent=agent.agent,
            stopped=agent.outcome is RunOutcome.STOPPING,
            reason=agent.reason,
        )
        for agent in sorted((*stale, *judged.kept), key=lambda each: each.created_at)
    )
    return TaskPreview(runs=found, unread=unread)


def _replaced_commits(runs: Iterable[AgentRun]) -> Iterator[tuple[str, str]]:
    """Yield the commit of each run that can be started again, by the run's uid. Only its commit can make it stale."""
    for run in runs:
        commit = run.facts.sha.lower()
        if run.kind.restartable and _COMMIT.fullmatch(commit):
            yield run.uid, commit


def _as_stale(run: AgentRun, *, commit: str) -> Agent:
    condition = f", if the push replaces its commit {commit[:_SHOWN]}" if commit else ""
    return run.as_agent(outcome=RunOutcome.STOPPING, reason=f"stale{condition}")

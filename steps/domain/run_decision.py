"""Decides about one agent run: cancel it, await its end, or keep it.

Guarantees that a run in doubt is kept. A run is never cancelled if it is exempt, is marked to be kept, works on the
head or on another branch, is newer than the push, or does not name its repository or agent. If a branch ends while
another one of the task has an open pull request, only a run that names the ended branch or one of its commits is stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.core import KEEP

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_ABBREVIATED = 7
# How git shortens a branch whose name is also that of a tag.
_SHORT_HEADS = "heads/"

# The reason for a kept run that has already ended.
FINISHED_REASON = "finished"
# The reason for a stale run that was asked to stop, and of which only pods may be left.
STOPPED_REASON = "asked to stop already"
# The reason for a run that a person has marked.
KEEP_REASON = f"marked with {KEEP}"
# The reason for a run of a repository that is not on GitHub's server.
ELSEWHERE_REASON = "its repository is on another server; if the host stands for GitHub, add it to github.hosts"
# The reason for a run that does not name the branch that has ended, while another one of the task has not.
SHARED_REASON = "may work for another open pull request of the task"
# The reason for a stale run that is kept, up to the name of the run that it owns.
OWNER_REASON = "owns a run that is kept: "


class RunAction(StrEnum):
    """The action for a run."""

    CANCEL = "cancel"
    AWAIT = "await"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDecision:
    """The action for a run, and the reason.

    Attributes:
        kept_for: Uid of the kept run that it owns, if it is kept for that reason.
    """

    action: RunAction
    reason: str
    kept_for: str | None = None

    @property
    def stale(self) -> bool:
        """Whether the run is stale."""
        return self.action is not RunAction.KEEP

    @property
    def protects(self) -> bool:
        """Whether the run and what owns it must not be deleted. A run that is only finished may go with its owner."""
        return self.action is RunAction.KEEP and self.reason != FINISHED_REASON


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The fields of a run that a decision needs. A text is empty if the run does not have the field.

    Attributes:
        keep: Whether a person has marked the run to be kept.
        elsewhere: Whether it names a repository of another server than GitHub; then `repository` is empty.
    """

    created_at: datetime
    deleting: bool
    repository: str
    agent: str
    phase: str
    sha: str
    branch: str = ""
    keep: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPolicy:
    """The agents that may be cancelled, those that are exempt, and the phases of finished runs.

    Attributes:
        restartable: Whether a finished run can be started again. Then its age says nothing, and neither does its phase
            about its pods.
    """

    cancellable: Collection[str]
    exempt: Collection[str]
    finished: Collection[str]
    restartable: bool = False


def names_commit(text: str, shas: Iterable[str]) -> bool:
    """Whether a run's text names one of these commits, in full or abbreviated."""
    return any(_is_commit(text, sha) for sha in shas)


def _is_commit(text: str, sha: str) -> bool:
    """Whether a run's text names this commit, in full or abbreviated (at least seven digits, as in git)."""
    return len(text) >= _ABBREVIATED and sha.startswith(text.lower())


def _agent_key(name: str) -> str:
    """Return what identifies an agent; empty if the text names none.

    Its name is that of its GitHub App, or the App's login: some-app[bot], @some-app in a mention, app/some-app in the
    output of gh. GitHub ignores the case of logins.
    """
    return name.strip().casefold().removeprefix("@").removeprefix("app/").removesuffix("[bot]")


def decide_run(
    run: RunFacts,
    *,
    policy: AgentPolicy,
    repository: str,
    branch: str,
    watermark: datetime,
    head_sha: str,
    older: Collection[str] = (),
    other_heads: Collection[str] = (),
    shared: bool = False,
) -> RunDecision:
    """Decide to cancel a run, to await its end, or to keep it.

    A run that does not name its agent or repository is kept and reported, because a wrong delete costs hours. The
    commit of a run decides first. If it does not decide, the age does. A run without a phase has not started and is
    cancelled like any other. Of a run that can be started again, only the commit says whether it is stale. If it was
    asked to stop already, the end of its pods is awaited.

    Args:
        run: The fields of the run.
        policy: The agents that may be cancelled.
        repository: Repository of the push.
        branch: Branch of the push, without refs/heads/. A run that names another branch is kept.
        watermark: Runs that were created at or before it are stale.
        head_sha: Commit of the head. Runs that work on it are kept.
        older: Commits that are known to be older than the head.
        other_heads: Commits of the task's other branches. Runs that work on them are kept.
        shared: Whether the branch has ended, another one of the task has not, and the run may work for either.
    """
    is_older = names_commit(run.sha, older)
    agent = _agent_key(run.agent)
    exempt, cancellable = ({_agent_key(name) for name in names} for names in (policy.exempt, policy.cancellable))
    for kept, reason in (
        (run.keep, KEEP_REASON),
        (run.elsewhere, ELSEWHERE_REASON),
        (not run.repository, "names no repository"),
        (run.repository.casefold() != repository.casefold(), "belongs to another repository"),
        (not agent, "names no agent"),
        (agent in exempt, "exempt agent"),
        ("*" not in cancellable and agent not in cancellable, "agent is not listed as cancellable"),
        (run.branch not in {"", branch, f"{_SHORT_HEADS}{branch}"}, "works on another branch"),
        (_is_commit(run.sha, head_sha), "works on the head"),
        (names_commit(run.sha, other_heads), "works on the head of another branch"),
        (policy.restartable and not is_older, "its commit is not known to be older"),
        (run.created_at > watermark and not is_older, "newer than the push"),
        (run.phase in policy.finished and not policy.restartable, FINISHED_REASON),
        (shared, SHARED_REASON),
    ):
        if kept:
            return RunDecision(action=RunAction.KEEP, reason=reason)
    if run.deleting:
        return RunDecision(action=RunAction.AWAIT, reason="being deleted already")
    if run.phase in policy.finished:
        return RunDecision(action=RunAction.AWAIT, reason=STOPPED_REASON)
    return RunDecision(action=RunAction.CANCEL, reason="stale")

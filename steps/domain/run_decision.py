"""What to do with one agent run: cancel it, wait for it, or keep it.

Guarantees: doubt keeps. No run is cancelled that is exempt, works on the head, is newer than the push, or does not say
its repository or agent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_ABBREVIATED = 7

# Why a run is kept that needs no cancellation.
FINISHED_REASON = "finished"


class RunAction(StrEnum):
    """What to do with a run."""

    CANCEL = "cancel"
    AWAIT = "await"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDecision:
    """What to do with a run, and why."""

    action: RunAction
    reason: str

    @property
    def stale(self) -> bool:
        """The run has to be gone."""
        return self.action is not RunAction.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a decision needs to know of a run; an empty text stands for "the run does not say"."""

    created_at: datetime
    deleting: bool
    repository: str
    agent: str
    phase: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPolicy:
    """Which agents may be cancelled."""

    cancellable: Collection[str]
    exempt: Collection[str]
    finished: Collection[str]


def _is_commit(text: str, sha: str) -> bool:
    """Whether a run's text names this commit, in full or abbreviated as git does (at least seven digits)."""
    return len(text) >= _ABBREVIATED and sha.startswith(text.lower())


def decide_run(
    run: RunFacts,
    *,
    policy: AgentPolicy,
    repository: str,
    watermark: datetime,
    head_sha: str,
    older: Collection[str] = (),
) -> RunDecision:
    """Cancel a run, wait for it, or keep it.

    Doubt keeps: a run that does not say its agent or repository is kept and reported, since a wrong delete costs hours.
    A run that names its commit is judged by it first; its age decides where the commit does not. A run without a phase
    has not started and is cancelled like any other.

    Args:
        run: What is known of the run.
        policy: Which agents may be cancelled.
        repository: Repository of the push.
        watermark: Runs that were created at or before it are stale.
        head_sha: Commit that a run may work on.
        older: Commits that are known to be older than the head.
    """
    is_older = any(_is_commit(run.sha, sha) for sha in older)
    for kept, reason in (
        (not run.repository, "names no repository"),
        (run.repository.casefold() != repository.casefold(), "belongs to another repository"),
        (not run.agent, "names no agent"),
        (run.agent in policy.exempt, "exempt agent"),
        ("*" not in policy.cancellable and run.agent not in policy.cancellable, "agent is not listed as cancellable"),
        (_is_commit(run.sha, head_sha), "works on the head"),
        (run.created_at > watermark and not is_older, "newer than the push"),
        (run.phase in policy.finished, FINISHED_REASON),
    ):
        if kept:
            return RunDecision(action=RunAction.KEEP, reason=reason)
    if run.deleting:
        return RunDecision(action=RunAction.AWAIT, reason="being deleted already")
    return RunDecision(action=RunAction.CANCEL, reason="stale")

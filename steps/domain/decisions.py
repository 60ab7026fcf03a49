"""The rules: pure functions over plain values, no I/O, no clock.

What they guarantee is in docs/guarantees.md; each rule's source is docs/decisions/0001-watermark.md unless it says
otherwise. Every comparison is between equal clocks: runs and watermarks by the API server's, pushes among themselves
by GitHub's; a push's time is carried over by the measured offset between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from steps.domain.push import ZERO_SHA
from steps.domain.record import LabelOutcome

if TYPE_CHECKING:
    from collections.abc import Collection

    from steps.domain.push import Push
    from steps.domain.record import PullRequest, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A new cancellation for this push."""

    push: Push
    watermark: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Finish what the record says, for the newer of the two pushes."""

    push: Push
    watermark: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseded:
    """Nothing to do: this push, or a newer one, has been dealt with."""

    by: str


ClaimDecision = Start | Resume | Superseded


# Both clocks are read in whole seconds, and so are the times that are compared: GitHub's time of a push, and a run's
# creationTimestamp. A run that was created within this many seconds of a push may be on either side of it.
RESOLUTION_S = 2.0
# More pushes than this within the seconds by which GitHub lags are not to be expected.
MAX_OLDER = 10


def push_watermark(*, created_at: datetime | None, pushed_at: datetime, offset_s: float) -> datetime:
    """The moment up to which runs are stale for one push, by the API server's clock.

    A run that was created at the push, as far as the clocks can tell, is kept: a wrong delete costs hours.

    Args:
        created_at: creationTimestamp of the push's Workflow: no run that was created after it can be stale. None if it
            is not known.
        pushed_at: When GitHub took the push, by GitHub's clock.
        offset_s: Seconds by which the API server's clock is ahead of GitHub's, as their answers are dated.
    """
    carried_over = pushed_at + timedelta(seconds=offset_s - RESOLUTION_S)
    bounded = min(created_at, carried_over) if created_at else carried_over
    return bounded.astimezone(UTC).replace(microsecond=0)


def is_newer(push: Push, *, than: Push) -> bool:
    """Whether a push came after another one of the same ref.

    The chain of commits tells first: the other's commit is the one that this push replaced, or the other way round. The
    same commit is the same push, whatever its time says, unless both pushes are known to have replaced different
    commits. Where the chain is silent GitHub's own times decide; no other clock does.
    """
    known = ZERO_SHA not in (push.before, than.before)
    if push.sha == than.sha and not (known and push.before != than.before):
        return False
    if than.sha != push.sha == than.before and push.before != than.sha:
        return False
    return (push.before == than.sha != push.sha) or push.pushed_at > than.pushed_at


def known_older(record: Record, *, push: Push) -> tuple[str, ...]:
    """Commits that the recorded push had replaced, with its own, once this push has taken over; the newest last."""
    replaced = (*record.older, str(record.push.before), str(record.push.sha))
    return tuple(dict.fromkeys(sha for sha in replaced if sha not in (ZERO_SHA, push.sha)))[-MAX_OLDER:]


def is_known_older(sha: str, *, push: Push, older: Collection[str] = ()) -> bool:
    """Whether a commit is known to be older than the push.

    GitHub's answers lag its webhooks by seconds: a pull request may still show a commit that was replaced.

    Args:
        sha: The commit.
        push: The push; it names the commit that it replaced.
        older: Commits that earlier pushes had replaced, as the record knows them.
    """
    return sha in {str(push.before), *older} - {ZERO_SHA, str(push.sha)}


def decide_claim(record: Record | None, *, push: Push, watermark: datetime) -> ClaimDecision:
    """What the holder of the lock does with this push.

    `is_newer` orders pushes; when a Workflow was created does not, since an event can be repeated or come late while
    agents of a newer push are at work already. A push that is not newer than a finished record's is superseded,
    with exceptions that keep the labels right: the record left the labels to exactly this SHA, a person's skip label
    stopped it, or GitHub could not be read. An unfinished record is always finished; only a newer push takes it over
    and may raise the watermark, which never goes back.
    """
    if record is None:
        return Start(push=push, watermark=watermark)
    if is_newer(push, than=record.push):
        return (Start if record.finished else Resume)(
            push=push, watermark=raised_watermark(record, push=push, watermark=watermark)
        )
    if not record.finished:
        return Resume(push=record.push, watermark=record.watermark)
    if record.labels is LabelOutcome.HEAD_MOVED and record.left_to == push.sha != record.push.sha:
        return Resume(push=push, watermark=record.watermark)
    if record.labels in (LabelOutcome.SKIPPED, LabelOutcome.UNREADABLE):
        return Resume(push=record.push, watermark=record.watermark)
    return Superseded(by=record.push.sha)


def raised_watermark(record: Record, *, push: Push, watermark: datetime) -> datetime:
    """The watermark of a record that a push takes over: only a newer push may raise it, and it never goes back."""
    return max(watermark, record.watermark) if is_newer(push, than=record.push) else record.watermark


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPlan:
    """Whether the labels move, and on which pull request.

    Attributes:
        left_to: Head that is newer than the push; empty if the push is the head.
        lags: GitHub still showed a head that is older than the push.
        clock_offset_s: Seconds by which the API server's clock is ahead of GitHub's; None if that is not known.
    """

    labels: LabelOutcome
    pull_request: PullRequest | None = None
    left_to: str = ""
    lags: bool = False
    clock_offset_s: float | None = None


def decide_labels(
    candidates: Collection[PullRequest],
    *,
    push: Push,
    skip: str,
    task_label: str,
    older: Collection[str] = (),
) -> LabelPlan:
    """Choose the pull request and decide about its labels.

    Args:
        candidates: Open pull requests whose head is the push's branch in the push's own repository.
        push: The push.
        skip: A person's stop sign, compared without case as GitHub does.
        task_label: Label of the task's pull request; decides when two share the branch.
        older: Commits that are known to be older than the push. Such a head is not believed: the push's own commit is
            then taken for the head, and a run that works on it is kept.
    """
    stopped = [pr for pr in candidates if skip.casefold() in {label.casefold() for label in pr.labels}]
    if stopped:
        return LabelPlan(labels=LabelOutcome.SKIPPED, pull_request=stopped[0])
    if not candidates:
        return LabelPlan(labels=LabelOutcome.NO_PULL_REQUEST)
    named = [pr for pr in candidates if task_label.casefold() in {label.casefold() for label in pr.labels}]
    chosen = named if len(candidates) > 1 else list(candidates)
    if len(chosen) != 1:
        return LabelPlan(labels=LabelOutcome.AMBIGUOUS)
    if is_known_older(chosen[0].head_sha, push=push, older=older):
        return LabelPlan(labels=LabelOutcome.PENDING, pull_request=replace(chosen[0], head_sha=push.sha), lags=True)
    if chosen[0].head_sha != push.sha:
        return LabelPlan(labels=LabelOutcome.HEAD_MOVED, pull_request=chosen[0], left_to=chosen[0].head_sha)
    return LabelPlan(labels=LabelOutcome.PENDING, pull_request=chosen[0])

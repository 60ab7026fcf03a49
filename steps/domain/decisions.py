"""The rules: pure functions over plain values, no I/O, no clock.

What they guarantee is in docs/guarantees.md; each rule's source is docs/decisions/0001-watermark.md unless it says
otherwise. Every comparison is between equal clocks: runs and watermarks by the API server's creationTimestamps (whole
seconds), pushes among themselves by GitHub's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

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


def push_watermark(*, created_at: datetime, pushed_at: datetime, tolerance_s: float) -> datetime:
    """The moment up to which runs are stale for one push.

    Args:
        created_at: creationTimestamp of the push's Workflow.
        pushed_at: When GitHub took the push; bounds a redelivery that comes late.
        tolerance_s: Seconds by which the two clocks may differ.
    """
    return min(created_at, pushed_at + timedelta(seconds=tolerance_s)).astimezone(UTC).replace(microsecond=0)


def decide_claim(record: Record | None, *, push: Push, watermark: datetime) -> ClaimDecision:
    """What the holder of the lock does with this push.

    GitHub's own time orders pushes; when a Workflow was created does not, since an event can be repeated or come late
    while agents of a newer push are at work already. A push that is not newer than a finished record's is superseded,
    with exceptions that keep the labels right: the record left the labels to exactly this SHA, a person's skip label
    stopped it, or GitHub could not be read. An unfinished record is always finished; only a newer push takes it over
    and may raise the watermark, which never goes back.
    """
    if record is None:
        return Start(push=push, watermark=watermark)
    if push.pushed_at > record.push.pushed_at:
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
    return max(watermark, record.watermark) if push.pushed_at > record.push.pushed_at else record.watermark


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


def decide_run(
    run: RunFacts, *, policy: AgentPolicy, repository: str, watermark: datetime, head_sha: str
) -> RunDecision:
    """Cancel a run, wait for it, or keep it.

    Doubt keeps: a run that does not say its agent or repository is kept and reported, since a wrong delete costs hours.
    A run without a phase has not started and is cancelled like any other.
    """
    for kept, reason in (
        (not run.repository, "names no repository"),
        (run.repository.casefold() != repository.casefold(), "belongs to another repository"),
        (not run.agent, "names no agent"),
        (run.agent in policy.exempt, "exempt agent"),
        ("*" not in policy.cancellable and run.agent not in policy.cancellable, "agent is not listed as cancellable"),
        (run.created_at > watermark, "newer than the push"),
        (bool(run.sha) and run.sha == head_sha, "works on the head"),
        (run.phase in policy.finished, FINISHED_REASON),
    ):
        if kept:
            return RunDecision(action=RunAction.KEEP, reason=reason)
    if run.deleting:
        return RunDecision(action=RunAction.AWAIT, reason="being deleted already")
    return RunDecision(action=RunAction.CANCEL, reason="stale")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPlan:
    """Whether the labels move, and on which pull request."""

    labels: LabelOutcome
    pull_request: PullRequest | None = None
    left_to: str = ""


def decide_labels(candidates: Collection[PullRequest], *, push: Push, skip: str, task_label: str) -> LabelPlan:
    """Choose the pull request and decide about its labels.

    Args:
        candidates: Open pull requests whose head is the push's branch in the push's own repository.
        push: The push.
        skip: A person's stop sign, compared without case as GitHub does.
        task_label: Label of the task's pull request; decides when two share the branch.
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
    if chosen[0].head_sha != push.sha:
        return LabelPlan(labels=LabelOutcome.HEAD_MOVED, pull_request=chosen[0], left_to=chosen[0].head_sha)
    return LabelPlan(labels=LabelOutcome.PENDING, pull_request=chosen[0])

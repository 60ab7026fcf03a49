"""Decides which pull request a push belongs to, and whether its labels move.

Guarantees that labels move only on the one open pull request whose head is the push, and never if it has a person's
skip label. If the branch has ended, no label moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.domain.push_order import is_known_older
from steps.domain.record import LabelOutcome

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from steps.domain.push import Push
    from steps.domain.record import PullRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPlan:
    """Whether the labels move, and on which pull request.

    Attributes:
        left_to: SHA of the head if it is newer than the push; empty if the push is the head.
        older_head: The head that GitHub shows if it is older than the push; else empty.
        clock_offset_s: Seconds by which the API server's clock is ahead of GitHub's; None if this is not known.
        open_heads: Heads of the open pull requests of the task's other branches, if the branch has ended.
    """

    labels: LabelOutcome
    pull_request: PullRequest | None = None
    left_to: str = ""
    older_head: str = ""
    clock_offset_s: float | None = None
    open_heads: tuple[str, ...] = ()


def decide_labels(
    candidates: Collection[PullRequest],
    *,
    push: Push,
    skip: str,
    task_label: str,
    older: Collection[str] = (),
) -> LabelPlan:
    """Choose the pull request and decide whether its labels move.

    Args:
        candidates: Open pull requests whose head is the push's branch in the push's repository.
        push: The push.
        skip: The skip label. Case is ignored, as GitHub does.
        task_label: Label of the task's pull request. It decides if two pull requests share the branch.
        older: Commits that are known to be older than the push. If the head is one of them, GitHub's answer is out of
            date. Then the push's commit counts as the head, and a run that works on it is kept.
    """
    stopped = [pr for pr in candidates if pr.has_label(skip)]
    if stopped:
        return LabelPlan(labels=LabelOutcome.SKIPPED, pull_request=stopped[0])
    if not candidates:
        return LabelPlan(labels=LabelOutcome.NO_PULL_REQUEST)
    named = [pr for pr in candidates if pr.has_label(task_label)]
    chosen = named if len(candidates) > 1 else list(candidates)
    if len(chosen) != 1:
        return LabelPlan(labels=LabelOutcome.AMBIGUOUS)
    head = chosen[0].head_sha
    if is_known_older(head, push=push, older=older):
        as_head = replace(chosen[0], head_sha=push.sha)
        return LabelPlan(labels=LabelOutcome.PENDING, pull_request=as_head, older_head=head)
    if head != push.sha:
        return LabelPlan(labels=LabelOutcome.HEAD_MOVED, pull_request=chosen[0], left_to=head)
    return LabelPlan(labels=LabelOutcome.PENDING, pull_request=chosen[0])


def decide_ended(*, opened: Sequence[PullRequest], closed: Sequence[PullRequest], skip: str) -> LabelPlan:
    """Decide about a branch that has ended. Its labels never move.

    Args:
        opened: The open pull requests of the branch. If there is one, the branch lives again.
        closed: The closed ones that this end closed, the latest last. A skip label on any of them keeps the agents.
        skip: The skip label.
    """
    if opened:
        return LabelPlan(labels=LabelOutcome.OPEN_AGAIN, pull_request=max(opened, key=lambda pull: pull.number))
    skipped = [pull for pull in closed if pull.has_label(skip)]
    outcome = LabelOutcome.SKIPPED if skipped else LabelOutcome.CLOSED
    return LabelPlan(labels=outcome, pull_request=(skipped or closed or (None,))[-1])

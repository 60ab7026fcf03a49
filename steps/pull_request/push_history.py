"""GitHub's list of a branch's pushes. It decides where commits and times do not.

GitHub shows an old head for a moment after a push. It shows the same if the branch was forced back, or if another push
came whose webhook is late. Guarantees one request, and only if the head is not the push, or if the order of two pushes
is doubtful. Not guaranteed: that GitHub lists a push at once, and that the credentials permit to read the list. Then
the commits that the record knows decide.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.core import BadInputError, ForbiddenError
from steps.domain import LabelOutcome, LabelPlan, is_head_listed_newer, is_listed_newer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.domain import Push, Record
    from steps.github import Activity, GitHub
    from steps.telemetry import Log


def with_true_head(plan: LabelPlan, *, record: Record, github: GitHub, log: Log) -> LabelPlan:
    """Correct the plan if the head that GitHub shows is older than the push, or newer although it looks older."""
    head = plan.older_head or plan.left_to
    if plan.pull_request is None or not head:
        return plan
    pull = replace(plan.pull_request, head_sha=head)
    if is_newer_head(head, push=record.push, known_older=bool(plan.older_head), github=github, log=log):
        return LabelPlan(labels=LabelOutcome.HEAD_MOVED, pull_request=pull, left_to=head)
    as_head = replace(pull, head_sha=record.push.sha)
    return LabelPlan(labels=LabelOutcome.PENDING, pull_request=as_head, older_head=head)


def is_newer_head(head: str, *, push: Push, known_older: bool, github: GitHub, log: Log) -> bool:
    """Whether the head that GitHub shows is newer than the push. If GitHub's list does not tell, the commits decide.

    Args:
        head: Head that the pull request shows. It is not the push's commit.
        push: The push.
        known_older: Whether the head is known to be older, by the commits that were replaced.
        github: GitHub.
        log: Gets the result.

    Raises:
        UnavailableError: GitHub cannot be read.
    """
    listed = list_pushes(push, github=github, log=log)
    newer = is_head_listed_newer(head, push=push, listed=listed)
    if newer is None:
        newer = not known_older
    if newer and known_older:
        log.info("branch was forced back to an older commit, waiting for its push", head=head)
    elif not newer:
        log.info("GitHub still shows an older head: the push counts as the head", push=push.sha, head=head)
    return newer


def is_newer_push(push: Push, *, known: Push, github: GitHub, log: Log) -> bool | None:
    """Whether GitHub lists a push after the recorded one; None if the list does not tell.

    Args:
        push: The push in question.
        known: The recorded push of its branch.
        github: GitHub.
        log: Gets the result.

    Raises:
        UnavailableError: GitHub cannot be read.
    """
    listed = list_pushes(push, github=github, log=log)
    newer = is_listed_newer(push, than=known, listed=listed)
    if newer is None:
        newer = is_head_listed_newer(push.sha, push=known, listed=listed)
    log.info("order of two pushes is doubtful: read GitHub's list of pushes", known=known.sha, newer=newer)
    return newer


def list_pushes(push: Push, *, github: GitHub, log: Log) -> Sequence[Activity]:
    """List the pushes of a push's branch, the newest first; none if GitHub does not permit it.

    Raises:
        UnavailableError: GitHub cannot be read.
    """
    try:
        return github.branch_activity(repository=push.repository, ref=push.ref)
    except (BadInputError, ForbiddenError) as error:
        # An older GitHub Enterprise Server has no list of pushes; a token may lack access to contents.
        log.warning("pushes of the branch cannot be read: the commits decide which is newer", problem=str(error))
        return ()

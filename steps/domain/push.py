"""A push to a task's branch, or the branch's end, as plain values.

Guarantees that a time that is read from a record is in UTC. Not guaranteed: that the values agree with each other;
`steps.domain.push_parameters` checks that for a Workflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, NewType

from pydantic import AfterValidator

from steps.domain.task_id import HEADS, TaskId

Repository = NewType("Repository", str)
Sha = NewType("Sha", str)

ZERO_SHA = "0" * 40
# A Workflow's priority has 32 bits.
MAX_PRIORITY = 2**31 - 1
# Reason and requester of the Workflows that reconcile submits.
RECONCILE_REASON = "reconcile"
# Reasons of the Workflows that the Sensor creates for events other than a push.
CLOSED_REASON, DELETED_REASON, OPENED_REASON = "closed", "deleted", "opened"
# Reasons of the Workflows that a person asks for: by a comment, by `submit`, and by `submit --include-newer`.
COMMAND_REASON, MANUAL_REASON, MANUAL_ALL_REASON = "command", "manual", "manual-all"


def _in_utc(moment: datetime) -> datetime:
    """Convert a time of a record to UTC. A person may have edited it.

    Raises:
        ValueError: The time has no UTC offset, or is outside the calendar.
    """
    if moment.tzinfo is None:
        raise ValueError("give a time with its UTC offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("give a time within the calendar") from error


Moment = Annotated[datetime, AfterValidator(_in_utc)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A push to a task's branch, or its end.

    Attributes:
        sha: Commit of the ref after the push; zeros if its pull request was closed or the branch was deleted.
        before: Commit of the ref before the push; zeros if it is not known, or if the push created the branch.
        pushed_at: Time when GitHub received the push, by GitHub's clock; of a request, the time of a laptop or of a
            comment.
    """

    repository: Repository
    task: TaskId
    ref: str
    sha: Sha
    pushed_at: Moment
    correlation_id: str
    reason: str
    dry_run: bool
    requested_by: str
    before: Sha = Sha(ZERO_SHA)

    @property
    def owner(self) -> str:
        """Account that owns the repository."""
        return self.repository.partition("/")[0]

    @property
    def priority(self) -> int:
        """Priority of its Workflow. A later push has a higher one; after 2038, all have the same."""
        return min(int(self.pushed_at.timestamp()), MAX_PRIORITY)

    @property
    def ends(self) -> bool:
        """Whether the branch has no head any more for which agents could work."""
        return self.sha == ZERO_SHA

    @property
    def newest_commit(self) -> Sha:
        """The newest commit of the branch that the push names: the last one, if the branch has ended."""
        return self.before if self.ends else self.sha

    @property
    def is_request(self) -> bool:
        """Whether a person asked for this cancellation. It names the head, and is not the head's push."""
        return self.reason in (COMMAND_REASON, MANUAL_REASON, MANUAL_ALL_REASON)

    @property
    def includes_newer(self) -> bool:
        """Whether a request also stops what began after the head's push and does not name the head's commit."""
        return self.reason == MANUAL_ALL_REASON

    @property
    def title(self) -> str:
        """Say what happened to the branch, in the middle of a sentence."""
        if not self.ends:
            return f"push {self.sha[:12]} to {self.branch}"
        what = {CLOSED_REASON: "closed pull request of", DELETED_REASON: "deleted branch"}
        return f"{what.get(self.reason, 'end of branch')} {self.branch}"

    @property
    def branch(self) -> str:
        """The ref without refs/heads/."""
        return self.ref.removeprefix(HEADS)

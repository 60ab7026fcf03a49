"""The comment on the pull request about a cancellation: written once, then updated.

Guarantees that the comment never fails a cancellation and delays it by little: labels and state document are written
first, each request is sent at most twice and within `comment.deadline_s`, and a problem is one log line. The Lease has
the comment's id in an annotation. Without the id, because of a crash or a deleted comment, the comment's first line
identifies it. Only comments by the steps' own account are edited, and only by the holder of the Lease. Not guaranteed:
a single comment if GitHub's answer is lost and GitHub does not list the comment yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.core import PREFIX, NotFoundError, StepError, UnavailableError
from steps.domain import LabelOutcome
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.domain import Record
    from steps.github import GitHub
    from steps.lease import HeldLease
    from steps.runtime import StepContext
    from steps.telemetry import WriteReason

# Not in the record: earlier versions refuse a record with an unknown key.
COMMENT_ANNOTATION = f"{PREFIX}/comment"
_COMMENT_ID = re.compile(r"([1-9][0-9]{0,17})/([1-9][0-9]{0,17})")


def update_comment(record: Record, *, context: StepContext, held: HeldLease) -> None:
    """Write or update the comment, unless it is switched off. The Lease's next write has its id.

    Args:
        record: The record, before it is written.
        context: The step.
        held: The held Lease. Renewed and checked before each request.
    """
    pull = record.pull_request
    if not context.settings.comment.enabled or pull is None or record.labels is LabelOutcome.SKIPPED:
        return
    try:
        update = _CommentUpdate.of(record, number=pull.number, context=context, held=held)
        held.annotate(COMMENT_ANNOTATION, f"{pull.number}/{update.write()}")
    except StepError as error:
        # SIGTERM too: the rest of the step is short enough to finish.
        context.log.warning("could not update the pull request's comment", problem=str(error))
    except Exception as error:  # noqa: BLE001 - a comment must not fail a cancellation
        context.log.warning("could not update the pull request's comment", problem=type(error).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommentUpdate:
    """One update of the comment."""

    context: StepContext
    held: HeldLease
    github: GitHub
    repository: str
    number: int
    first_line: str
    body: str
    until: float

    @classmethod
    def of(cls, record: Record, *, number: int, context: StepContext, held: HeldLease) -> _CommentUpdate:
        # Imported on first use: see steps.pull_request.comment_body.
        from steps.pull_request.comment_body import comment_marker, comment_text  # noqa: PLC0415

        settings, within_s = context.settings.github, context.settings.comment.deadline_s
        short = replace(settings, attempts=1, deadline_s=within_s, timeout_s=min(settings.timeout_s, within_s))
        return cls(
            context=context,
            held=held,
            github=context.clients.github(held.renew_if_due, short),
            repository=record.push.repository,
            number=number,
            first_line=comment_marker(record.push),
            body=comment_text(record, settings=context.settings),
            until=context.clock.monotonic() + within_s,
        )

    def write(self) -> int:
        """Edit or create the comment; return its id."""
        try:
            return self._edited_or_created()
        except UnavailableError:
            # GitHub may have created it without an answer, so look for it before creating another.
            return self._edited_or_created()

    def _edited_or_created(self) -> int:
        known = self._known_id()
        if known is not None and self._edited(known):
            return known
        for found in self._own_comments():
            if self._edited(found):
                return found
        self._check_time_and_lease()
        return self.github.add_comment(
            repository=self.repository, number=self.number, body=self.body, reason=self._reason()
        )

    def _reason(self) -> WriteReason:
        return self.held.write_reason(WriteCause.COMMENT)

    def _known_id(self) -> int | None:
        """Return the comment's id from the Lease; None if it is missing or of another pull request."""
        match = _COMMENT_ID.fullmatch(self.held.annotation(COMMENT_ANNOTATION))
        return int(match[2]) if match and int(match[1]) == self.number else None

    def _own_comments(self) -> Iterator[int]:
        """Yield the comments with the first line that the steps' own account wrote: usually one at most."""
        self._check_time_and_lease()
        for each in self.github.comments(repository=self.repository, number=self.number):
            self._check_time_and_lease()
            if each.body.startswith(self.first_line) and self.github.is_own(each):
                yield each.id

    def _edited(self, comment: int) -> bool:
        """Edit a comment; return False if it does not exist."""
        self._check_time_and_lease()
        try:
            self.github.edit_comment(repository=self.repository, comment=comment, body=self.body, reason=self._reason())
        except NotFoundError:
            return False
        return True

    def _check_time_and_lease(self) -> None:
        """Check before each request that time is left and that the Lease is held.

        Raises:
            UnavailableError: The time is over.
            LockLostError: The Lease is lost.
        """
        if self.context.clock.monotonic() >= self.until:
            raise UnavailableError(
                f"writing it took longer than {self.context.settings.comment.deadline_s:g} s (comment.deadline_s)"
            )
        self.held.renew_if_due()
        self.held.ensure_held()

"""One comment on the pull request, kept up to date: what a cancellation did, for people.

Guarantees that it fails nothing and delays nothing for long: labels and state are done before, every request is sent
once or twice and within `comment.deadline_s`, and what goes wrong is one line in the log. There is one comment, found
again by its id, which stands beside the record in the Lease, or by its first line, if a crash lost the id or a person
deleted the comment; only one that we wrote ourselves is edited. Written under the hold, so no two write at once. Not
guaranteed: that a comment which GitHub took without an answer, and does not list yet, is not made twice.
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

# An annotation of its own: a reader of an earlier version refuses a record with a key that it does not know.
COMMENT_ANNOTATION = f"{PREFIX}/comment"
_NOTED = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")


def update_comment(record: Record, *, context: StepContext, held: HeldLease) -> None:
    """Write or update the comment, if the pull request is to have one; its id goes with the hold's next write.

    Args:
        record: The ledger, as it is about to be written.
        context: The step.
        held: Kept, and checked before each request.
    """
    pull = record.pull_request
    if not context.settings.comment.enabled or pull is None or record.labels is LabelOutcome.SKIPPED:
        return
    try:
        page = _Page.of(record, number=pull.number, context=context, held=held)
        held.annotate(COMMENT_ANNOTATION, f"{pull.number}/{page.write()}")
    except StepError as error:
        # SIGTERM too: what is left to do takes no longer than a clean end would.
        context.log.warning("the pull request's comment is not up to date", problem=str(error))
    except Exception as error:  # noqa: BLE001 - a comment is never worth a cancellation
        context.log.warning("the pull request's comment is not up to date", problem=type(error).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """Where the comment is, and what it shall say."""

    context: StepContext
    held: HeldLease
    github: GitHub
    repository: str
    number: int
    first_line: str
    body: str
    until: float

    @classmethod
    def of(cls, record: Record, *, number: int, context: StepContext, held: HeldLease) -> _Page:
        # Imported on first use: see steps.pull_request.comment_body.
        from steps.pull_request.comment_body import comment_marker, comment_text  # noqa: PLC0415

        settings, within_s = context.settings.github, context.settings.comment.deadline_s
        hasty = replace(settings, attempts=1, deadline_s=within_s, timeout_s=min(settings.timeout_s, within_s))
        return cls(
            context=context,
            held=held,
            github=context.clients.github(held.renew_if_due, hasty),
            repository=record.push.repository,
            number=number,
            first_line=comment_marker(record.push),
            body=comment_text(record, settings=context.settings),
            until=context.clock.monotonic() + within_s,
        )

    def write(self) -> int:
        """Edit the comment, or make it; its id."""
        try:
            return self._written()
        except UnavailableError:
            # It may be there all the same, so it is looked for before it is made a second time.
            return self._written()

    def _written(self) -> int:
        known = self._noted()
        if known is not None and self._edited(known):
            return known
        for found in self._found():
            if self._edited(found):
                return found
        self._go_on()
        return self.github.add_comment(
            repository=self.repository, number=self.number, body=self.body, reason=self._why()
        )

    def _why(self) -> WriteReason:
        return self.held.write_reason(WriteCause.COMMENT)

    def _noted(self) -> int | None:
        """The comment's id, if the Lease knows it for this pull request."""
        match = _NOTED.fullmatch(self.held.annotation(COMMENT_ANNOTATION))
        return int(match[2]) if match and int(match[1]) == self.number else None

    def _found(self) -> Iterator[int]:
        """Our own comments that begin as ours do; there should be one at most."""
        self._go_on()
        for each in self.github.comments(repository=self.repository, number=self.number):
            self._go_on()
            if each.body.startswith(self.first_line) and self.github.is_ours(each):
                yield each.id

    def _edited(self, comment: int) -> bool:
        """Edit a comment; False if it is gone."""
        self._go_on()
        try:
            self.github.edit_comment(repository=self.repository, comment=comment, body=self.body, reason=self._why())
        except NotFoundError:
            return False
        return True

    def _go_on(self) -> None:
        """Before each request: there has to be time left, and the hold has to be ours.

        Raises:
            UnavailableError: The time is over.
            LockLostError: The Lease is no longer ours.
        """
        if self.context.clock.monotonic() >= self.until:
            raise UnavailableError(f"it took longer than {self.context.settings.comment.deadline_s:g} s")
        self.held.renew_if_due()
        self.held.ensure_held()

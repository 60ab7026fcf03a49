"""The record of a task: the latest cancellation, with its push, phase, agents, outcomes and errors.

There is one record for each repository and task. It is a JSON annotation of the task's Lease, so the right to write the
Lease and the right to write the record are the same. Guarantees that a record has a bounded size, because a Lease with
a larger annotation could not be written, and that it contains neither a payload nor a credential. Not a history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from steps.core import BadInputError
from steps.domain.agent import Agent, RunOutcome
from steps.domain.push import Moment, Push  # noqa: TC001 - pydantic reads the annotations at run time

RECORD_VERSION = 1
MAX_AGENTS = 100
MAX_BRANCHES = 10
MAX_ERRORS = 20
MAX_TEXT = 300
MAX_OWNED = 1000  # uids of owned objects, in all agents together


class Phase(StrEnum):
    """The progress of a cancellation."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class LabelOutcome(StrEnum):
    """The outcome of the pull request's labels."""

    PENDING = "pending"
    MOVED = "moved"
    HEAD_MOVED = "left-to-newer-push"
    NO_PULL_REQUEST = "no-open-pull-request"
    AMBIGUOUS = "several-pull-requests"
    UNREADABLE = "github-unreadable"
    SKIPPED = "skip-label"
    CLOSED = "closed"
    OPEN_AGAIN = "open-again"
    SWITCHED_OFF = "switched-off"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """The pull request as it was read under the Lease."""

    number: int
    head_sha: str
    labels: tuple[str, ...]

    def has_label(self, name: str) -> bool:
        """Whether it has a label; GitHub ignores the case of labels."""
        return name.casefold() in {label.casefold() for label in self.labels}


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedPush:
    """A finished push and what happened to its labels. The attributes are as in `Record`."""

    push: Push
    finished_at: Moment | None = None
    labels: LabelOutcome = LabelOutcome.PENDING
    left_to: str = ""
    older: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One cancellation.

    Attributes:
        watermark: Runs created at or before it are stale. It never goes back.
        proven_gone_at: Time when the last stale run and its pods were verified gone. Labels move only after that.
        left_to: Head SHA of a newer push, to which the labels were left if there is a pull request; empty if none is
            known.
        older: Commits that are known to be older than the push, the newest last.
        branches: The latest finished push of each of the task's other branches, the newest last.
        open_heads: After an end, the heads of the open pull requests of the task's other branches; None without any.
        attempts: Number of times that a holder started or resumed the cancellation.
        helper: Workflow whose pod did the work for the push's own Workflow; None if it was the push's own pod.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    version: int = RECORD_VERSION
    push: Push
    watermark: Moment
    phase: Phase
    attempts: int
    workflow: str
    workflow_uid: str
    helper: str | None = None
    started_at: Moment
    finished_at: Moment | None = None
    proven_gone_at: Moment | None = None
    pull_request: PullRequest | None = None
    labels: LabelOutcome = LabelOutcome.PENDING
    left_to: str = ""
    older: tuple[str, ...] = ()
    branches: tuple[FinishedPush, ...] = ()
    open_heads: tuple[str, ...] | None = None
    agents: tuple[Agent, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def head_sha(self) -> str:
        """The commit that agents may work on; zeros if the branch has ended."""
        if self.push.ends:
            return str(self.push.sha)
        return self.pull_request.head_sha if self.pull_request else self.left_to or str(self.push.sha)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do for this push."""
        return self.phase is Phase.COMPLETED

    @property
    def finished_pushes(self) -> tuple[FinishedPush, ...]:
        """The latest finished push of each branch of the task; that of the record comes last."""
        return (*self.branches, self._own_push) if self.finished else self.branches

    @property
    def _own_push(self) -> FinishedPush:
        return FinishedPush(
            push=self.push, finished_at=self.finished_at, labels=self.labels, left_to=self.left_to, older=self.older
        )

    def finished_push(self, ref: str) -> FinishedPush | None:
        """Return the latest finished push of a branch; None if none is known."""
        return next((each for each in self.finished_pushes if each.push.ref == ref), None)

    def latest_push(self, ref: str) -> FinishedPush | None:
        """Return the latest push of a branch, finished or not; None if none is known."""
        if ref == self.push.ref:
            return self._own_push
        return next((each for each in self.branches if each.push.ref == ref), None)

    def branches_beside(self, ref: str) -> tuple[FinishedPush, ...]:
        """Return the latest finished push of each branch but this one. If there are too many, the oldest is dropped."""
        return tuple(each for each in self.finished_pushes if each.push.ref != ref)[-MAX_BRANCHES:]

    def with_namespace(self, namespace: str) -> Record:
        """Set the namespace of the agents that have none, because an older version wrote them."""
        if all(agent.namespace for agent in self.agents):
            return self
        return replace(self, agents=tuple(replace(each, namespace=each.namespace or namespace) for each in self.agents))

    def with_error(self, text: str) -> Record:
        """Add an error. If there are too many, the oldest is dropped."""
        return replace(self, errors=(*self.errors, text[:MAX_TEXT])[-MAX_ERRORS:])

    def with_agents(self, agents: tuple[Agent, ...]) -> Record:
        """Replace the agents. If there are too many, the kept ones are dropped first and the unproven ones last.

        Those that are kept for a run that they own are dropped after the other kept ones: reconcile has to know them.
        """
        ranked = sorted(
            agents, key=lambda agent: (not agent.unproven, agent.outcome is RunOutcome.KEPT, agent.kept_for is None)
        )[:MAX_AGENTS]
        most = MAX_OWNED // max(1, len(ranked))
        return replace(
            self,
            agents=tuple(
                replace(agent, owned=agent.owned[:most]) if agent.owned and len(agent.owned) > most else agent
                for agent in ranked
            ),
        )


_ADAPTER = TypeAdapter(Record)


def dump_record(record: Record) -> str:
    """Return the annotation's text for a record."""
    return _ADAPTER.dump_json(record, exclude_none=True).decode()


def parse_record(text: str) -> Record:
    """Read a record from the annotation's text.

    Raises:
        BadInputError: The text is not a record, or a newer version wrote it. The annotation is left as it is.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in problem["loc"]) or "document" for problem in error.errors()})
        raise BadInputError(
            f"the Lease's record is not valid in version {RECORD_VERSION} (wrong: {', '.join(fields[:5])}): "
            "it was edited, or written by a newer version. Upgrade, or delete its annotation "
            "agent-cancellation/record to start afresh"
        ) from error

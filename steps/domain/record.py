"""The ledger of a task: who cancelled what, why, and how far it came.

One record per (repository, task), kept as a JSON annotation of the task's Lease, so that whoever may write the lock may
write the record and nobody else. It holds the latest cancellation, not a history. It never holds a payload or a
credential, and it is bounded: an annotation that grows without end would one day make the Lease unwritable.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from steps.core import BadInputError
from steps.domain.push import Moment, Push  # noqa: TC001 - pydantic reads the annotations at run time

RECORD_VERSION = 1
MAX_AGENTS = 100
MAX_ERRORS = 20
MAX_TEXT = 300


class Phase(StrEnum):
    """How far a cancellation came."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class LabelOutcome(StrEnum):
    """What became of the pull request's labels."""

    PENDING = "pending"
    MOVED = "moved"
    HEAD_MOVED = "left-to-newer-push"
    NO_PULL_REQUEST = "no-open-pull-request"
    AMBIGUOUS = "several-pull-requests"
    UNREADABLE = "github-unreadable"
    SKIPPED = "skip-label"


class RunOutcome(StrEnum):
    """What became of one agent run."""

    STOPPING = "stopping"
    GONE = "gone"
    FINISHED = "finished-by-itself"
    KEPT = "kept"
    STUCK = "not-proven-gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent run, and what was decided about it."""

    kind: str
    name: str
    uid: str
    job: str
    agent: str
    created_at: Moment
    outcome: RunOutcome
    reason: str

    @property
    def unproven(self) -> bool:
        """It was told to stop and has not been seen gone."""
        return self.outcome in (RunOutcome.STOPPING, RunOutcome.STUCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """The pull request as it was read under the lock."""

    number: int
    head_sha: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One cancellation.

    Attributes:
        watermark: Runs created at or before it are stale. Never goes back.
        proven_gone_at: When the last stale run and its pods were seen to be gone; labels move only after that.
        left_to: Head SHA of the newer push that the labels were left to.
        older: Commits that are known to be older than the push, the newest last.
        attempts: How many times a holder started or resumed it.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    version: int = RECORD_VERSION
    push: Push
    watermark: Moment
    phase: Phase
    attempts: int
    workflow: str
    workflow_uid: str
    started_at: Moment
    finished_at: Moment | None = None
    proven_gone_at: Moment | None = None
    pull_request: PullRequest | None = None
    labels: LabelOutcome = LabelOutcome.PENDING
    left_to: str = ""
    older: tuple[str, ...] = ()
    agents: tuple[Agent, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Nothing is left to do for this push."""
        return self.phase is Phase.COMPLETED

    def with_error(self, text: str) -> Record:
        """The record with one more error, the oldest dropped once there are too many."""
        return replace(self, errors=(*self.errors, text[:MAX_TEXT])[-MAX_ERRORS:])

    def with_agents(self, agents: tuple[Agent, ...]) -> Record:
        """The record with these agents; if there are too many, those to be proven gone come first, kept ones last."""
        ranked = sorted(agents, key=lambda agent: (not agent.unproven, agent.outcome is RunOutcome.KEPT))
        return replace(self, agents=tuple(ranked[:MAX_AGENTS]))


_ADAPTER = TypeAdapter(Record)


def dump_record(record: Record) -> str:
    """Write a record as the annotation's text."""
    return _ADAPTER.dump_json(record, exclude_none=True).decode()


def parse_record(text: str) -> Record:
    """Read a record.

    Raises:
        BadInputError: Not a record, or one written by a newer version; it is left as it is.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in problem["loc"]) or "document" for problem in error.errors()})
        raise BadInputError(
            f"the Lease's record is not one of version {RECORD_VERSION} (wrong: {', '.join(fields[:5])}): "
            "it was edited, or written by a newer version. Upgrade, or delete its annotation "
            "agent-cancellation/record to start afresh"
        ) from error

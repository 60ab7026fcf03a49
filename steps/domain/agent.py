"""An agent run in the record: which object it is, and how its cancellation ended.

Guarantees that a run is named by uid, so that a later attempt never takes another object of its name for it. Not
guaranteed: that all that it owned is known, because the record has room for `MAX_OWNED` uids.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from steps.domain.push import Moment  # noqa: TC001 - pydantic reads the annotations at run time


class RunOutcome(StrEnum):
    """The outcome of one agent run."""

    STOPPING = "stopping"
    GONE = "gone"
    FINISHED = "finished-by-itself"
    KEPT = "kept"
    STUCK = "not-proven-gone"


def namespaced_name(namespace: str, name: str) -> str:
    """Return what identifies an object of a kind: its name is unique only in its namespace."""
    return f"{namespace}/{name}" if namespace else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent run and its outcome.

    Attributes:
        namespace: Where it runs; None in the record of an older version, which knew one namespace of agents only.
        owned: Uids of what it owned before it was stopped; None after its end. They identify what is left if an attempt
            stops halfway.
        kept_for: Uid of a kept run that it owns, if it is kept for that reason.
    """

    kind: str
    name: str
    uid: str
    job: str
    agent: str
    created_at: Moment
    outcome: RunOutcome
    reason: str
    namespace: str | None = None
    owned: tuple[str, ...] | None = None
    kept_for: str | None = None

    @property
    def unproven(self) -> bool:
        """Whether it is being stopped and is not verified gone."""
        return self.outcome in (RunOutcome.STOPPING, RunOutcome.STUCK)

    @property
    def names_itself(self) -> bool:
        """Whether it is itself the Job that it names."""
        return self.kind == "jobs" and self.job == self.name

    @property
    def job_key(self) -> str:
        """Namespace and name of its Job; empty if it has none."""
        return namespaced_name(self.namespace or "", self.job) if self.job else ""

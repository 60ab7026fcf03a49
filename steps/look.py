"""A survey put in order: what belongs to which task, and who is at work on it. Pure.

"At work" is a Workflow that has not ended, or a live holder of the task's Lease. Ages are by the API server's clock;
a last sign of life is by its holder's, and where that is ahead, the record's watermark stands in for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeVar

from steps.hold import repository_label
from steps.holder import pod_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from steps.ledger import Ledger
    from steps.runs import Run
    from steps.settings import ReconcileSettings
    from steps.survey import Survey

Key = tuple[str, str]
T = TypeVar("T")
K = TypeVar("K")


def key_of(repository: str, task: str) -> Key:
    """What tells tasks apart: their number and whose they are, without case."""
    return repository.casefold(), task


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A survey by task."""

    survey: Survey
    settings: ReconcileSettings
    runs: Mapping[Key, tuple[Run, ...]]
    ledgers: Mapping[str, tuple[Ledger, ...]]

    @classmethod
    def at(cls, survey: Survey, *, settings: ReconcileSettings) -> Self:
        """Put a survey in order."""
        runs = _grouped(survey.runs, by=lambda each: key_of(each[1].facts.repository, each[0]))
        return cls(
            survey=survey,
            settings=settings,
            runs={key: tuple(run for _, run in found) for key, found in runs.items()},
            ledgers=_grouped(survey.ledgers, by=lambda each: each.task),
        )

    def is_busy(self, task: str, repository: str) -> bool:
        """Whether a Workflow of the task has not ended; one that does not say its repository may be of any."""
        busy = self.survey.busy
        return (task, "") in busy or (task, repository_label(repository)) in busy

    def is_held(self, ledger: Ledger) -> bool:
        """Whether the holder is at work.

        Of a process outside the cluster only its silence tells. A pod that is there and has not renewed for long does
        not work either: its node may be unreachable. Whoever takes over waits for the Lease to expire.
        """
        if not ledger.holder:
            return False
        pod = pod_of(ledger.holder)
        if pod:
            return pod in self.survey.pods and not self.is_silent(ledger, self.settings.reconcile.stuck_after_s)
        return not self.is_silent(ledger, 2 * self.settings.lease.duration_s)

    def is_silent(self, ledger: Ledger, seconds: float) -> bool:
        """Whether there was no sign of life for so long."""
        seen = ledger.record.watermark if self.is_ahead(ledger) and ledger.record else ledger.renewed_at
        return seen is None or self.ago(seconds) >= seen

    def is_ahead(self, ledger: Ledger) -> bool:
        """Whether the holder's clock is ahead of the API server's by more than anybody tolerates."""
        tolerated = timedelta(seconds=self.settings.push.tolerance_s)
        return ledger.renewed_at is not None and ledger.renewed_at > self.survey.now + tolerated

    def ago(self, seconds: float) -> datetime:
        """A moment so long before the survey."""
        return self.survey.now - timedelta(seconds=seconds)


def _grouped(items: Iterable[T], *, by: Callable[[T], K]) -> dict[K, tuple[T, ...]]:
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(by(item), []).append(item)
    return {key: tuple(group) for key, group in found.items()}

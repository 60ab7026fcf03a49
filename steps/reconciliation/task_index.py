"""A survey put in order: what belongs to which task, and who is at work on it. Pure.

"At work" is a Workflow that has not ended, or a live holder of the task's Lease. Ages are by the API server's clock;
a last sign of life is by its holder's, and where that is ahead, the record's watermark stands in for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeVar

from steps.core import repository_label
from steps.lease import holder_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from steps.agents import AgentRun
    from steps.reconciliation.snapshot import ClusterSnapshot
    from steps.reconciliation.task_state import TaskState
    from steps.settings import ReconcileStepSettings

Key = tuple[str, str]
T = TypeVar("T")
K = TypeVar("K")


def task_key(repository: str, task: str) -> Key:
    """What tells tasks apart: their number and whose they are, without case."""
    return repository.casefold(), task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskIndex:
    """A survey by task."""

    snapshot: ClusterSnapshot
    settings: ReconcileStepSettings
    runs: Mapping[Key, tuple[AgentRun, ...]]
    task_states: Mapping[str, tuple[TaskState, ...]]

    @classmethod
    def at(cls, snapshot: ClusterSnapshot, *, settings: ReconcileStepSettings) -> Self:
        """Put a survey in order."""
        runs = _grouped(snapshot.runs, by=lambda each: task_key(each[1].facts.repository, each[0]))
        return cls(
            snapshot=snapshot,
            settings=settings,
            runs={key: tuple(run for _, run in found) for key, found in runs.items()},
            task_states=_grouped(snapshot.task_states, by=lambda each: each.task),
        )

    def is_busy(self, task: str, repository: str) -> bool:
        """Whether a Workflow of the task has not ended; one that does not say its repository may be of any."""
        busy = self.snapshot.busy
        return (task, "") in busy or (task, repository_label(repository)) in busy

    def is_held(self, task_state: TaskState) -> bool:
        """Whether the holder is at work.

        Of a process outside the cluster only its silence tells. A pod that is there and has not renewed for long does
        not work either: its node may be unreachable. Whoever takes over waits for the Lease to expire.
        """
        if not task_state.holder:
            return False
        pod = holder_pod(task_state.holder)
        if pod:
            return pod in self.snapshot.pods and not self.is_silent(task_state, self.settings.reconcile.stuck_after_s)
        return not self.is_silent(task_state, 2 * self.settings.lease.duration_s)

    def is_silent(self, task_state: TaskState, seconds: float) -> bool:
        """Whether there was no sign of life for so long."""
        seen = task_state.record.watermark if self.is_ahead(task_state) and task_state.record else task_state.renewed_at
        return seen is None or self.ago(seconds) >= seen

    def is_ahead(self, task_state: TaskState) -> bool:
        """Whether the holder's clock is ahead of the API server's by more than anybody tolerates."""
        tolerated = timedelta(seconds=self.settings.push.tolerance_s)
        return task_state.renewed_at is not None and task_state.renewed_at > self.snapshot.now + tolerated

    def ago(self, seconds: float) -> datetime:
        """A moment so long before the survey."""
        return self.snapshot.now - timedelta(seconds=seconds)


def _grouped(items: Iterable[T], *, by: Callable[[T], K]) -> dict[K, tuple[T, ...]]:
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(by(item), []).append(item)
    return {key: tuple(group) for key, group in found.items()}

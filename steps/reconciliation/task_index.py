"""Sorts a snapshot by task, and decides whether a task is active. Pure functions.

Guarantees that a task is active only if a Workflow of it has not ended or the holder of its Lease is alive. Ages are by
the API server's clock. The time of the last renewal is by the holder's clock. If that clock is ahead, the record's
watermark is used instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeVar

from steps.lease import holder_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from steps.agents import AgentRun
    from steps.observed_state import TaskState
    from steps.reconciliation.snapshot import ClusterSnapshot
    from steps.settings import ReconcileStepSettings

Key = tuple[str, str]
T = TypeVar("T")
K = TypeVar("K")


def task_key(repository: str, task: str) -> Key:
    """Return the key of a task: its repository in lower case, and its number."""
    return repository.casefold(), task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskIndex:
    """A snapshot by task.

    Attributes:
        runs: Unfinished runs, by repository and task.
        task_states: Leases, by task.
    """

    snapshot: ClusterSnapshot
    settings: ReconcileStepSettings
    runs: Mapping[Key, tuple[AgentRun, ...]]
    task_states: Mapping[str, tuple[TaskState, ...]]

    @classmethod
    def from_snapshot(cls, snapshot: ClusterSnapshot, *, settings: ReconcileStepSettings) -> Self:
        """Sort a snapshot by task."""
        runs = _grouped(snapshot.runs, by=lambda each: task_key(each[1].facts.repository, each[0]))
        return cls(
            snapshot=snapshot,
            settings=settings,
            runs={key: tuple(run for _, run in found) for key, found in runs.items()},
            task_states=_grouped(snapshot.task_states, by=lambda each: each.task),
        )

    def is_held(self, task_state: TaskState) -> bool:
        """Whether the holder of the Lease is alive.

        A process outside the cluster is judged only by its last renewal. A pod that has not renewed the Lease for long
        is not alive, because its node may be unreachable. The next holder waits until the Lease expires.
        """
        if not task_state.holder:
            return False
        pod = holder_pod(task_state.holder)
        if pod:
            return pod in self.snapshot.pods and not self.is_silent(task_state, self.settings.reconcile.stuck_after_s)
        return not self.is_silent(task_state, 2 * self.settings.lease.duration_s)

    def is_silent(self, task_state: TaskState, seconds: float) -> bool:
        """Whether the Lease was not renewed for this number of seconds."""
        last = self.renewed_at(task_state)
        return last is None or self.ago(seconds) >= last

    def renewed_at(self, task_state: TaskState) -> datetime | None:
        """Return when the Lease was renewed, or the watermark if the holder's clock was ahead; None if unknown."""
        return task_state.record.watermark if self.is_ahead(task_state) and task_state.record else task_state.renewed_at

    def is_ahead(self, task_state: TaskState) -> bool:
        """Whether the holder's clock is ahead of the API server's by more than the tolerance."""
        tolerated = timedelta(seconds=self.settings.push.tolerance_s)
        return task_state.renewed_at is not None and task_state.renewed_at > self.snapshot.now + tolerated

    def ago(self, seconds: float) -> datetime:
        """Return the time this number of seconds before the snapshot."""
        return self.snapshot.now - timedelta(seconds=seconds)


def _grouped(items: Iterable[T], *, by: Callable[[T], K]) -> dict[K, tuple[T, ...]]:
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(by(item), []).append(item)
    return {key: tuple(group) for key, group in found.items()}

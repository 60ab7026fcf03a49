"""The context of reconcile: its settings, and its clients, clock and log.

Guarantees that ages are judged by the API server's clock, also if the pod waited for a node or its image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from steps.runtime import StepContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.core import Clock
    from steps.domain import Push
    from steps.lease import Holder
    from steps.runtime import Clients
    from steps.settings import ReconcileStepSettings
    from steps.telemetry import Log, Measurements

# Reconcile does not wait for a Lease: its holder is working on the task.
_NO_WAIT_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileContext:
    """One process of reconcile.

    Attributes:
        workflow: Name of its Workflow.
        started_at: creationTimestamp of its Workflow, by the API server's clock. It counts until the API server has
            answered.
        started: The monotonic clock at that time, in seconds.
        random: Uniform in [0, 1), for jitter.
        measurements: The numbers for the metrics.
        dry_run: Whether repairs are only reported.
    """

    settings: ReconcileStepSettings
    workflow: str
    started_at: datetime
    started: float
    holder: Holder
    clients: Clients
    clock: Clock
    random: Callable[[], float]
    log: Log
    measurements: Measurements
    dry_run: bool

    def now(self) -> datetime:
        """Return the current time by the API server's clock. That of a node may be wrong."""
        monotonic = self.clock.monotonic()
        measured = self.clients.kube.server_clock.at(monotonic)
        # Earlier than the truth by the time for which the pod waited, so the first answer replaces it.
        return measured or self.started_at + timedelta(seconds=monotonic - self.started)

    def step_context(self, push: Push) -> StepContext:
        """Return the context of a step for this push. The step does not wait for a Lease."""
        general = replace(self.settings, lease=replace(self.settings.lease, acquire_timeout_s=_NO_WAIT_S))
        return StepContext(
            push=push,
            settings=general.for_repository(push.repository),
            general=general,
            workflow=self.workflow,
            created_at=self.started_at,
            holder=self.holder,
            clients=self.clients,
            clock=self.clock,
            random=self.random,
            log=self.log.bind(repository=push.repository, task=push.task),
            measurements=self.measurements,
        )

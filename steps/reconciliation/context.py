"""What reconcile works with: the settings, and everything outside that a test has to be able to replace."""

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

# A holder is working on the task: reconcile does not wait for it.
_NO_WAIT_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileContext:
    """One process of reconcile.

    Attributes:
        workflow: Name of its Workflow.
        started_at: Its Workflow's creationTimestamp: the API server's clock, by which ages are judged. A node's clock
            may be wrong, and this pod's own would make every task look stuck or none.
        started: The monotonic clock then, in seconds.
        random: Uniform in [0, 1), for jitter.
        measurements: Where what was measured is left, for the metrics.
        dry_run: Only say what would be done.
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
        """The API server's time."""
        return self.started_at + timedelta(seconds=self.clock.monotonic() - self.started)

    def step_context(self, push: Push) -> StepContext:
        """What a step of this push would work with, held by this pod; it waits for nobody's Lease."""
        return StepContext(
            push=push,
            settings=replace(self.settings, lease=replace(self.settings.lease, acquire_timeout_s=_NO_WAIT_S)),
            workflow=self.workflow,
            created_at=self.started_at,
            holder=self.holder,
            clients=self.clients,
            clock=self.clock,
            random=self.random,
            log=self.log.bind(repository=push.repository, task=push.task),
            measurements=self.measurements,
        )

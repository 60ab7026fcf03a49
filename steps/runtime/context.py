"""What a step works with: the push, the settings, and everything outside that a test has to be able to replace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING, Protocol

from steps.lease import TaskLease, lease_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.breaker import Breakers
    from steps.core import Clock
    from steps.domain import Push
    from steps.github import GitHub
    from steps.kube import Kube
    from steps.lease import Holder, LeaseHandoff
    from steps.settings import GitHubSettings, StepSettings
    from steps.telemetry import Log, Measurements


class GitHubFactory(Protocol):
    """Connects to GitHub."""

    def __call__(self, while_waiting: Callable[[], None], settings: GitHubSettings | None = None) -> GitHub:
        """Connect.

        Args:
            while_waiting: Called about once a second while waiting.
            settings: How GitHub is asked, if not as the settings say.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """One step of one Workflow.

    Attributes:
        workflow: Name of the Workflow.
        created_at: Its creationTimestamp, as the API server stamped it.
        github: Connects; without a credential, everything up to that point still works.
        random: Uniform in [0, 1), for jitter.
        measurements: Where what was measured is left, for the metrics.
        handoff: Where the pod's first container leaves the Lease for the second; None for nowhere.
    """

    push: Push
    settings: StepSettings
    workflow: str
    created_at: datetime
    holder: Holder
    kube: Kube
    github: GitHubFactory
    breakers: Breakers
    clock: Clock
    random: Callable[[], float]
    log: Log
    measurements: Measurements
    handoff: LeaseHandoff | None = None

    def lease(self) -> TaskLease:
        """The Lease of the push's task."""
        return TaskLease(
            kube=self.kube,
            clock=self.clock,
            random=self.random,
            settings=self.settings.lease,
            namespace=self.settings.namespaces.workflows,
            name=lease_name(repository=self.push.repository, task=self.push.task),
            holder=self.holder,
        )

"""What a step works with: the push, the settings, the clients, and everything else that a test replaces."""

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
class Clients:
    """The servers that a step talks to.

    Attributes:
        github: Connects; without a credential, everything up to that point still works.
        breakers: What all pods know of GitHub and of the agents' API server.
    """

    kube: Kube
    github: GitHubFactory
    breakers: Breakers


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """One step of one Workflow.

    Attributes:
        workflow: Name of the Workflow.
        created_at: Its creationTimestamp, as the API server stamped it.
        random: Uniform in [0, 1), for jitter.
        measurements: Where what was measured is left, for the metrics.
        handoff: Where the pod's first container leaves the Lease for the second; None for nowhere.
    """

    push: Push
    settings: StepSettings
    workflow: str
    created_at: datetime
    holder: Holder
    clients: Clients
    clock: Clock
    random: Callable[[], float]
    log: Log
    measurements: Measurements
    handoff: LeaseHandoff | None = None

    def lease(self) -> TaskLease:
        """The Lease of the push's task."""
        return TaskLease(
            kube=self.clients.kube,
            clock=self.clock,
            random=self.random,
            settings=self.settings.lease,
            namespace=self.settings.namespaces.workflows,
            name=lease_name(repository=self.push.repository, task=self.push.task),
            holder=self.holder,
        )

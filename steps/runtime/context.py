"""The context of a step: the push, the settings, the clients, and all else that tests replace."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    from steps.lease import HeldLease, Holder
    from steps.settings import GitHubSettings, StepSettings
    from steps.telemetry import Audit, Log, Measurements


class GitHubFactory(Protocol):
    """Creates connections to GitHub."""

    def __call__(
        self,
        while_waiting: Callable[[], None],
        settings: GitHubSettings | None = None,
        *,
        audit: Audit | None = None,
    ) -> GitHub:
        """Create a connection.

        Args:
            while_waiting: Called about once a second while waiting.
            settings: Settings of this connection; None uses the step's.
            audit: Gets a line for each write; None uses the step's.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """The clients of a step.

    Attributes:
        github: Creates a connection. It reads the credentials only then, so a step without GitHub needs none.
        breakers: The circuit breakers of GitHub and of the agents' API server, shared by all pods.
    """

    kube: Kube
    github: GitHubFactory
    breakers: Breakers


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """One step of one Workflow.

    Attributes:
        settings: The settings for the push's repository.
        general: The settings without a repository's policy, for the pushes of other Workflows.
        workflow: Name of the push's Workflow.
        helper: Name of the Workflow whose pod does the work, if it is not the push's own; else None.
        created_at: creationTimestamp of the push's Workflow.
        random: Uniform in [0, 1), for jitter.
        measurements: The measurements for the metrics.
    """

    push: Push
    settings: StepSettings
    general: StepSettings
    workflow: str
    created_at: datetime
    holder: Holder
    clients: Clients
    clock: Clock
    random: Callable[[], float]
    log: Log
    measurements: Measurements
    helper: str | None = None

    def now(self) -> datetime:
        """Return the current time by the API server's clock, and by the node's until the API server has answered."""
        return self.clients.kube.server_clock.at(self.clock.monotonic()) or self.clock.now()

    def while_held(self, held: HeldLease) -> StepContext:
        """Return the step for as long as it holds the Lease, which is renewed before each page of a list.

        There may be many lists, with many pages: one for each kind and namespace of agents.
        """
        kube = self.clients.kube.with_pages_after(held.renew_if_due)
        return replace(self, clients=replace(self.clients, kube=kube))

    def lease(self) -> TaskLease:
        """Create the client of the task's Lease."""
        return TaskLease(
            kube=self.clients.kube,
            clock=self.clock,
            random=self.random,
            settings=self.settings.lease,
            namespace=self.settings.namespaces.workflows,
            name=lease_name(repository=self.push.repository, task=self.push.task),
            holder=self.holder,
        )

"""The clients of a step: the API server, GitHub, and the circuit breakers, all on the doubles.

Guarantees that the steps speak to the Kubernetes double through its requests, and to the GitHub double through PyGithub
and HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from github import Auth

from steps.breaker.shared import Breaker, Breakers
from steps.breaker.store import CircuitStore
from steps.core.retry import LAG_S
from steps.github.client import GitHub
from steps.github.sign_in import SignIn
from steps.kube.client import Kube
from steps.runtime.context import Clients
from steps.settings.github import GitHubSettings
from steps.telemetry.audit import Audit
from steps.telemetry.log import Log
from steps.telemetry.measurements import Measurements
from tests.support.scene.in_process import InProcess
from tests.support.scene.world import World

TOKEN = "ghs_scene"


class Connected(World):
    """Connects a step to the world."""

    __slots__ = ()

    def clients(
        self, *, audit: Audit, measured: Measurements, random: Callable[[], float] = lambda: 0.5, lag_s: float = LAG_S
    ) -> Clients:
        """The clients of a process that starts now."""
        kube = self.kube(audit, random=random)
        breakers = self.breakers(kube)
        return Clients(
            kube=kube,
            breakers=breakers,
            github=partial(self._github, random=random, breakers=breakers, measured=measured, audit=audit, lag_s=lag_s),
        )

    def _github(
        self,
        while_waiting: Callable[[], None],
        settings: GitHubSettings | None = None,
        *,
        random: Callable[[], float],
        breakers: Breakers,
        measured: Measurements,
        audit: Audit,
        lag_s: float,
    ) -> GitHub:
        return GitHub(
            sign_in=SignIn(Auth.Token(TOKEN), clock=self.clock),
            settings=replace(settings or self.settings.github, api_url=self.github_url),
            clock=self.clock,
            random=random,
            while_waiting=while_waiting,
            breaker=breakers.github,
            measurements=measured,
            audit=audit,
            lag_s=lag_s,
        )

    def audit(self) -> Audit:
        """An audit that writes where the steps do."""
        return Audit(log=Log(clock=self.clock, stream=self.output))

    def kube(
        self,
        audit: Audit | None = None,
        *,
        random: Callable[[], float] = lambda: 0.5,
        transport: InProcess | None = None,
    ) -> Kube:
        """The API server, as a step speaks to it."""
        return Kube(
            transport=transport or InProcess(self.api),
            clock=self.clock,
            settings=self.settings.kubernetes,
            random=random,
            audit=audit or self.audit(),
        )

    def breakers(self, kube: Kube | None = None) -> Breakers:
        """The breakers as a pod that starts now sees them."""
        kube = kube or self.kube()
        namespace = self.settings.namespaces.workflows
        found = self.api.get("configmaps", self.settings.breaker.config_map, namespace=namespace)
        data: dict[str, str] = found.get("data", {})
        log = Log(clock=self.clock, stream=self.output)
        stored = partial(
            CircuitStore,
            kube=kube,
            clock=self.clock,
            random=lambda: 0.5,
            namespace=namespace,
            config_map=self.settings.breaker.config_map,
            mounted=lambda dependency: data.get(dependency, ""),
            log=log,
        )
        new = partial(Breaker, clock=self.clock, settings=self.settings.breaker, log=log)
        return Breakers(github=new(stored("github")), agents=new(stored("agents")))

"""Creates the clients of a pod for the API server and for GitHub, with the circuit breakers that all pods share.

Guarantees that every request is traced, that every request to GitHub is counted, that every write has an audit line,
and that GitHub's credentials are read at the first connection, not before.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from steps.breaker import Breaker, Breakers, CircuitStore, mounted_circuits
from steps.core import LAG_S
from steps.kube import Kube, connect_kubernetes, traced_transport
from steps.runtime.context import Clients
from steps.runtime.github_connections import GitHubConnections

if TYPE_CHECKING:
    from steps.core import Clock
    from steps.settings import StepSettings
    from steps.telemetry import Audit, Log, Measurements, Tracer


def build_clients(
    settings: StepSettings,
    *,
    clock: Clock,
    log: Log,
    audit: Audit,
    measured: Measurements,
    tracer: Tracer,
    lag_s: float = LAG_S,
) -> Clients:
    """Create the clients of a pod.

    Args:
        settings: The settings.
        clock: The clock.
        log: Gets a line when a breaker opens or closes.
        audit: Gets a line for each write.
        measured: Counts requests to GitHub and their time.
        tracer: Collects a span for each request.
        lag_s: Seconds for which GitHub may not know yet what its webhook named; 0 if no webhook is recent.
    """
    transport = traced_transport(connect_kubernetes(), tracer)
    kube = Kube(transport=transport, clock=clock, settings=settings.kubernetes, random=random.random, audit=audit)
    known = build_breakers(settings, kube=kube, clock=clock, log=log)
    github = GitHubConnections(
        settings=settings.github,
        clock=clock,
        breaker=known.github,
        measured=measured,
        audit=audit,
        tracer=tracer,
        lag_s=lag_s,
    )
    return Clients(kube=kube, github=github, breakers=known)


def build_breakers(settings: StepSettings, *, kube: Kube, clock: Clock, log: Log) -> Breakers:
    """Create the circuit breakers that all pods share."""
    stored = partial(
        CircuitStore,
        kube=kube,
        clock=clock,
        random=random.random,
        namespace=settings.namespaces.workflows,
        config_map=settings.breaker.config_map,
        mounted=mounted_circuits(Path(settings.breaker.mount)),
        log=log,
    )
    breaker = partial(Breaker, clock=clock, settings=settings.breaker, log=log)
    return Breakers(github=breaker(stored("github")), agents=breaker(stored("agents")))

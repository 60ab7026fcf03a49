"""Creates the clients of a pod for the API server and for GitHub, with the circuit breakers that all pods share.

Guarantees that every request is traced, that every request to GitHub is counted, that every write has an audit line,
and that GitHub's credentials are read at the first connection, not before.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from steps.breaker import Breaker, Breakers, mounted_circuits
from steps.kube import Kube, connect_kubernetes, traced_transport
from steps.runtime.context import Clients
from steps.telemetry import TRACING_OFF

if TYPE_CHECKING:
    from collections.abc import Callable

    from github.Auth import Auth

    from steps.breaker import BreakerGate
    from steps.core import Clock
    from steps.github import Connection, GitHub
    from steps.settings import GitHubSettings, StepSettings
    from steps.telemetry import Audit, Log, Measurements, Tracer


def build_clients(
    settings: StepSettings,
    *,
    clock: Clock,
    log: Log,
    audit: Audit,
    measured: Measurements,
    tracer: Tracer,
) -> Clients:
    """Create the clients of a pod.

    Args:
        settings: The settings.
        clock: The clock.
        log: Gets a line when a breaker opens or closes.
        audit: Gets a line for each write.
        measured: Counts requests to GitHub and their time.
        tracer: Collects a span for each request.
    """
    transport = traced_transport(connect_kubernetes(), tracer)
    kube = Kube(transport=transport, clock=clock, settings=settings.kubernetes, random=random.random, audit=audit)
    known = build_breakers(settings, kube=kube, clock=clock, log=log)
    github = partial(
        connect_github,
        usual=settings.github,
        clock=clock,
        breaker=known.github,
        measured=measured,
        audit=audit,
        tracer=tracer,
    )
    return Clients(kube=kube, github=github, breakers=known)


def build_breakers(settings: StepSettings, *, kube: Kube, clock: Clock, log: Log) -> Breakers:
    """Create the circuit breakers that all pods share."""
    breaker = partial(
        Breaker,
        kube=kube,
        clock=clock,
        random=random.random,
        settings=settings.breaker,
        namespace=settings.namespaces.workflows,
        mounted=mounted_circuits(Path(settings.breaker.mount)),
        log=log,
    )
    return Breakers(github=breaker("github"), agents=breaker("agents"))


def connect_github(
    while_waiting: Callable[[], None],
    settings: GitHubSettings | None = None,
    *,
    usual: GitHubSettings,
    clock: Clock,
    breaker: BreakerGate,
    measured: Measurements,
    audit: Audit,
    tracer: Tracer = TRACING_OFF,
    route: Connection | None = None,
    auth: Auth | None = None,
) -> GitHub:
    """Create a connection to GitHub.

    Args:
        while_waiting: Called while waiting.
        settings: Settings of this connection; None for the usual ones.
        usual: The usual settings.
        clock: The clock.
        breaker: The circuit breaker that all pods share.
        measured: Counts requests and their time.
        audit: Gets a line for each write.
        tracer: Collects a span for each request.
        route: The route to GitHub; None for the one in the settings.
        auth: The credentials; None for the mounted ones.

    Raises:
        BadInputError: The CA bundle in the settings does not exist.
        ForbiddenError: Credentials are missing or incomplete.
    """
    # Imported on first use: it costs half a second and 15 MB, and a superseded push never needs it.
    from steps.github import GitHub, TokenHandoff, app_id, mounted_credentials, pod_connection  # noqa: PLC0415

    settings = settings or usual
    folder = Path(settings.credentials_dir)
    handover = TokenHandoff(path=Path(settings.handover)) if settings.handover else None
    return GitHub(
        auth=auth or mounted_credentials(folder, handover=handover),
        settings=settings,
        clock=clock,
        random=random.random,
        while_waiting=while_waiting,
        breaker=breaker,
        measurements=measured,
        audit=audit,
        tracer=tracer,
        handover=handover,
        app=app_id(folder),
        route=route or pod_connection(settings),
    )

"""Builds the clients of a pod: the API server and GitHub, both behind the circuit breakers that all pods share.

Guarantees that every request is counted and traced, that every write leaves an audit line, and that the credentials
are read when GitHub is first asked, not before.
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
    """Everything a pod depends on, as the settings say.

    Args:
        settings: The settings.
        clock: Time.
        log: Where a breaker that opens or closes is told.
        audit: Where each write is told.
        measured: Where the number of requests and their time is left.
        tracer: Where each request's time is noted.
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
    """What all pods know of the dependencies."""
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
    """A connection with the mounted credentials.

    Args:
        while_waiting: Called while waiting.
        settings: How GitHub is asked this time, if not as usual.
        usual: How it is asked.
        clock: Time.
        breaker: Shared by all pods.
        measured: Where the number of requests and their time is left.
        audit: Where each write is told.
        tracer: Where each request's time is noted.
        route: The way there, if not the one that the settings name for pods.
        auth: Credentials, if not the mounted ones.

    Raises:
        BadInputError: The CA bundle that the settings name is not there.
        ForbiddenError: There are no credentials, or not all of them.
    """
    # Imported on first use: half a second and 15 MB that a superseded push and the exit hook never need.
    from steps.github import GitHub, TokenHandoff, app_id, mounted_credentials, pod_connection  # noqa: PLC0415

    settings = settings or usual
    folder, handover = (
        Path(settings.credentials_dir),
        TokenHandoff(path=Path(settings.handover)) if settings.handover else None,
    )
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

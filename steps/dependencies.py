"""What a step asks: the API server and GitHub, both behind the breakers that all pods share.

Guarantees that every request is counted and traced, that every write is told to the audit, and that the credentials
are read when GitHub is first asked, not before.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from steps.breaker import Breaker, Breakers, mounted
from steps.kube import Kube
from steps.tracing import OFF, traced
from steps.transport import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from github.Auth import Auth

    from steps.audit import Audit
    from steps.clock import Clock
    from steps.context import Connect
    from steps.github import GitHub
    from steps.github_rules import GitHubRules
    from steps.log import Log
    from steps.measurements import Measurements
    from steps.route import Route
    from steps.settings import StepSettings
    from steps.tracing import Tracer


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What a step depends on.

    Attributes:
        github: Connects, given what to call while waiting.
    """

    kube: Kube
    github: Connect
    breakers: Breakers


def dependencies(
    rules: StepSettings,
    *,
    clock: Clock,
    log: Log,
    audit: Audit,
    measured: Measurements,
    tracer: Tracer,
) -> Dependencies:
    """Everything a pod depends on, as the settings say.

    Args:
        rules: The settings.
        clock: Time.
        log: Where a breaker that opens or closes is told.
        audit: Where each write is told.
        measured: Where the number of requests and their time is left.
        tracer: Where each request's time is noted.
    """
    transport = traced(connect(), tracer)
    kube = Kube(transport=transport, clock=clock, rules=rules.kubernetes, random=random.random, audit=audit)
    known = breakers(rules, kube=kube, clock=clock, log=log)
    github = partial(
        connect_github,
        usual=rules.github,
        clock=clock,
        breaker=known.github,
        measured=measured,
        audit=audit,
        tracer=tracer,
    )
    return Dependencies(kube=kube, github=github, breakers=known)


def breakers(rules: StepSettings, *, kube: Kube, clock: Clock, log: Log) -> Breakers:
    """What all pods know of the dependencies."""
    breaker = partial(
        Breaker,
        kube=kube,
        clock=clock,
        rules=rules.breaker,
        namespace=rules.namespaces.workflows,
        mounted=mounted(Path(rules.breaker.mount)),
        log=log,
    )
    return Breakers(github=breaker("github"), agents=breaker("agents"))


def connect_github(
    keep: Callable[[], None],
    rules: GitHubRules | None = None,
    *,
    usual: GitHubRules,
    clock: Clock,
    breaker: Breaker,
    measured: Measurements,
    audit: Audit,
    tracer: Tracer = OFF,
    route: Route | None = None,
    auth: Auth | None = None,
) -> GitHub:
    """A connection with the mounted credentials.

    Args:
        keep: Called while waiting.
        rules: How GitHub is asked this time, if not as usual.
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
    from steps.credentials import Handover, app_id, credentials  # noqa: PLC0415
    from steps.github import GitHub  # noqa: PLC0415
    from steps.route import of_pod  # noqa: PLC0415

    rules = rules or usual
    folder, handover = Path(rules.credentials_dir), Handover(path=Path(rules.handover)) if rules.handover else None
    return GitHub(
        auth=auth or credentials(folder, handover=handover),
        rules=rules,
        clock=clock,
        random=random.random,
        keep=keep,
        breaker=breaker,
        measurements=measured,
        audit=audit,
        tracer=tracer,
        handover=handover,
        app=app_id(folder),
        route=route or of_pod(rules),
    )

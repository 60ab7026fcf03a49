"""A reconcile pass outside the cluster: the kubeconfig's rights, and GitHub with the person's token.

Guarantees that a dry run writes no log of writes, and that a pass without GitHub credentials reports that it did not
look for lost pushes.
"""

from __future__ import annotations

import io
import os
import random
import sys
import uuid
from functools import partial
from typing import TYPE_CHECKING

from pipelines.client.kubeconfig import kube_client, server_time
from pipelines.client.person import login_name
from steps.core import ForbiddenError, SystemClock
from steps.github import environment_connection
from steps.lease import Holder
from steps.reconciliation import ReconcileContext
from steps.runtime import Clients, GitHubConnections, build_breakers
from steps.telemetry import Audit, Log, Measurements

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.settings import Settings
    from steps.github import GitHub
    from steps.kube import Transport
    from steps.settings import GitHubSettings


def reconcile_context(settings: Settings, *, transport: Transport, dry_run: bool) -> ReconcileContext:
    """Build the context of a pass that runs outside the cluster."""
    clock = SystemClock()
    log = Log(clock=clock, stream=io.StringIO() if dry_run else sys.stderr)
    kube = kube_client(settings, transport=transport, log=log)
    breakers = build_breakers(settings, kube=kube, clock=clock, log=log)
    measurements = Measurements()
    return ReconcileContext(
        settings=settings,
        workflow="laptop",
        started_at=server_time(transport, timeout_s=settings.kubernetes.timeout_s),
        started=clock.monotonic(),
        holder=Holder(pod="", pod_uid=str(uuid.uuid4()), workflow_uid=login_name()),
        clients=Clients(
            kube=kube,
            github=partial(
                _connect,
                GitHubConnections(
                    settings=settings.github,
                    clock=clock,
                    breaker=breakers.github,
                    measured=measurements,
                    audit=Audit(log=log),
                    route=environment_connection(os.environ),
                    token=os.environ.get("GITHUB_TOKEN", ""),
                    lag_s=0,
                ),
            ),
            breakers=breakers,
        ),
        clock=clock,
        random=random.random,
        log=log,
        measurements=measurements,
        dry_run=dry_run,
    )


def _connect(
    connections: GitHubConnections,
    while_waiting: Callable[[], None],
    settings: GitHubSettings | None = None,
    *,
    audit: Audit | None = None,
) -> GitHub:
    """Connect to GitHub with GITHUB_TOKEN, or with the credentials that the pods mount.

    Raises:
        ForbiddenError: There are no credentials, or GITHUB_TOKEN is not one.
    """
    try:
        return connections(while_waiting, settings, audit=audit)
    except ForbiddenError as error:
        if connections.token:
            raise
        raise ForbiddenError("no GitHub credentials here: set GITHUB_TOKEN to look for lost pushes") from error

"""Reconcile: finds cancellations that did not finish, and finishes them.

    python -m steps.reconcile

A pass reads all tasks, plans repairs, and applies them one by one. Passes repeat every `reconcile.every_s` until the
minute is over and the next pod starts. If that is longer than a minute, or 0 because no pod is scheduled, there is one.
Guarantees that a task that cannot be read or repaired does not block other tasks, and that the next pass finishes an
interrupted one. Never stops an agent or moves a label itself: it submits Workflows of cancel-agents, which do that
while they hold the task's Lease.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.reconciliation import ReconcileContext, run_pass
from steps.runtime import build_clients, pod_audit, pod_identity, run_process
from steps.settings import ReconcileStepSettings, settings_from_env

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.core import Clock
    from steps.telemetry import Log, Measurements, Tracer

# A new pod starts each minute. This one must end before.
_MINUTE_S = 60.0
_GITHUB_S = 10.0


def reconcile(context: ReconcileContext) -> None:
    """Run passes until the minute is over: one, if no other is due within it.

    Raises:
        StepError: A pass could not read the cluster. The next pod retries.
    """
    began = context.clock.monotonic()
    every_s = context.settings.reconcile.every_s
    while True:
        started = context.clock.monotonic()
        run_pass(context)
        if not every_s:
            return
        now = context.clock.monotonic()
        following = max(started + every_s, now)
        # The next pass must end within the minute too, and takes about as long as this one.
        if following + (now - started) - began >= _MINUTE_S:
            return
        context.clock.sleep(following - now)


def _context(
    env: Mapping[str, str], clock: Clock, log: Log, measured: Measurements, tracer: Tracer
) -> ReconcileContext:
    settings = settings_from_env(env, ReconcileStepSettings)
    holder, created_at = pod_identity(env)
    # The next pass waits for rate limits.
    github = replace(settings.github, deadline_s=min(settings.github.deadline_s, _GITHUB_S))
    audit, settings = pod_audit(env, log=log), replace(settings, github=github)
    # The next pass reads again what GitHub does not know yet.
    clients = build_clients(settings, clock=clock, log=log, audit=audit, measured=measured, tracer=tracer, lag_s=0)
    return ReconcileContext(
        settings=settings,
        workflow=env["WORKFLOW_NAME"],
        started_at=created_at,
        started=clock.monotonic(),
        holder=holder,
        clients=clients,
        clock=clock,
        random=random.random,
        log=log,
        measurements=measured,
        dry_run=settings.reconcile.dry_run,
    )


if __name__ == "__main__":
    sys.exit(run_process(reconcile, prepare=_context))

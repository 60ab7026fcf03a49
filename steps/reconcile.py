"""The sweeper: finds what went wrong anyway, and rolls it forward.

    python -m steps.reconcile

Looks at everything, decides what is wrong and what to do about it, and does that, one task after another; then once
more half a minute later, until the minute is over in which the next pod starts. Guarantees that a task which cannot be
judged or mended never keeps the others from it, and that a pass which ends anywhere is finished by the next. Does not
stop an agent or move a label itself: it submits Workflows of cancel-agents, which do so under the task's lock.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from steps.reconciliation import (
    ReconcileContext,
    run_pass,
)
from steps.runtime import build_clients, pod_audit, pod_identity, run_process
from steps.settings import ReconcileStepSettings, settings_from_env

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.core import Clock
    from steps.telemetry import Log, Measurements, Tracer

# A new pod starts each minute; this one has to be gone by then.
_MINUTE_S = 60.0
_GITHUB_S = 10.0


def reconcile(context: ReconcileContext) -> None:
    """Pass after pass, until the minute is over.

    Raises:
        StepError: A pass could not even look; the next pod tries again.
    """
    began = context.clock.monotonic()
    every_s = context.settings.reconcile.every_s
    while True:
        started = context.clock.monotonic()
        run_pass(context)
        now = context.clock.monotonic()
        following = max(started + every_s, now)
        # The next pass has to end within the minute too, and will take about as long as this one.
        if following + (now - started) - began >= _MINUTE_S:
            return
        context.clock.sleep(following - now)


def _context(
    env: Mapping[str, str], clock: Clock, log: Log, measured: Measurements, tracer: Tracer
) -> ReconcileContext:
    settings = settings_from_env(env, ReconcileStepSettings)
    holder, created_at = pod_identity(env)
    # Rate limits are waited for by the next pass; and there is no second container to hand a token to.
    github = replace(settings.github, deadline_s=min(settings.github.deadline_s, _GITHUB_S), handover="")
    audit, settings = pod_audit(env, log=log), replace(settings, github=github)
    clients = build_clients(settings, clock=clock, log=log, audit=audit, measured=measured, tracer=tracer)
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

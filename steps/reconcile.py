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
import traceback
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from steps import census, retention, tries
from steps.dependencies import dependencies
from steps.entrypoint import audit_of, check_pod, run_with
from steps.errors import StepError, TerminatedError
from steps.findings import find
from steps.ledger import Ledger  # noqa: TC001 - part of a public dataclass
from steps.look import Look
from steps.plan import Action, Intent, healthy, plan
from steps.repair import count, mend
from steps.settings import ReconcileSettings, from_env
from steps.survey import survey
from steps.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from steps.clock import Clock
    from steps.log import Log
    from steps.measurements import Measurements
    from steps.tracing import Tracer

# A new pod starts each minute; this one has to be gone by then.
_MINUTE_S = 60.0
_GITHUB_S = 10.0


def reconcile(sweep: Sweep) -> None:
    """Pass after pass, until the minute is over.

    Raises:
        StepError: A pass could not even look; the next pod tries again.
    """
    began = sweep.clock.monotonic()
    every_s = sweep.settings.reconcile.every_s
    while True:
        started = sweep.clock.monotonic()
        sweep_once(sweep)
        now = sweep.clock.monotonic()
        following = max(started + every_s, now)
        # The next pass has to end within the minute too, and will take about as long as this one.
        if following + (now - started) - began >= _MINUTE_S:
            return
        sweep.clock.sleep(following - now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What one pass found.

    Attributes:
        intents: Each finding, and what was (or in a dry run, would be) done about it.
        idle: Leases that were (or would be) deleted.
        unread: What could not be read, and what to do about it.
    """

    intents: tuple[Intent, ...]
    idle: tuple[Ledger, ...]
    unread: tuple[str, ...]


def sweep_once(sweep: Sweep) -> Pass:
    """One pass.

    Raises:
        StepError: Leases, Workflows or pods can't be read.
    """
    began = sweep.clock.monotonic()
    seen = survey(sweep)
    for problem in seen.unread:
        sweep.log.warning("could not be read: judged without it", problem=problem)
    findings = find(seen, settings=sweep.settings)
    intents = plan(findings, survey=seen, rules=sweep.settings.reconcile)
    for intent in intents:
        _tell(intent, sweep=sweep)
    idle = tuple(retention.outdated(Look.at(seen, settings=sweep.settings), findings))
    mended: list[Intent] = []
    if not sweep.dry_run:
        mended = [
            intent
            for intent in intents
            if _guarded(partial(_mend, intent, sweep=sweep), task=intent.finding.task, sweep=sweep)
        ]
        for ledger in healthy(seen, findings):
            _guarded(partial(tries.forget, ledger.name, sweep=sweep), task=ledger.task, sweep=sweep)
        for ledger in idle:
            _guarded(partial(retention.collect, ledger, sweep=sweep), task=ledger.task, sweep=sweep)
    seconds = sweep.clock.monotonic() - began
    census.measure(seen, intents=intents, mended=mended, seconds=seconds, sweep=sweep)
    sweep.log.info(
        "pass done",
        tasks=len(seen.ledgers),
        findings=len(findings),
        repairs=sum(intent.action in (Action.SUBMIT, Action.REOPEN) for intent in intents),
        idle=len(idle),
        seconds=round(seconds, 3),
        dry_run=sweep.dry_run,
    )
    return Pass(intents=intents, idle=idle, unread=seen.unread)


def _tell(intent: Intent, *, sweep: Sweep) -> None:
    finding = intent.finding
    sweep.log.warning(
        "found",
        finding=finding.kind,
        task=finding.task,
        repository=finding.repository,
        detail=finding.detail,
        advice=finding.advice,
        action=intent.action,
        why=intent.why,
    )


def _mend(intent: Intent, *, sweep: Sweep) -> None:
    try:
        mend(intent, sweep=sweep)
    except StepError:
        # What cannot be mended has to come before a person some day; calling one is no try.
        if intent.action is not Action.HAND_OVER:
            count(intent, sweep=sweep)
        raise
    if intent.action in (Action.SUBMIT, Action.REOPEN):
        count(intent, sweep=sweep)


def _guarded(do: Callable[[], None], *, task: str, sweep: Sweep) -> bool:
    """Do something for one task; whatever goes wrong is said and stays with that task. Whether it was done."""
    try:
        do()
    except TerminatedError:
        raise
    except StepError as error:
        sweep.log.error("task could not be mended now", task=task, error=type(error).__name__, problem=str(error))
    except Exception as error:  # noqa: BLE001 - the other tasks must not pay for a bug; its text could quote anything
        where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        sweep.log.error("unexpected error: please report it", task=task, error=type(error).__name__, where=where)
    else:
        return True
    return False


def _sweep(env: Mapping[str, str], clock: Clock, log: Log, measured: Measurements, tracer: Tracer) -> Sweep:
    settings = from_env(env, ReconcileSettings)
    holder, created_at = check_pod(env)
    # Rate limits are waited for by the next pass; and there is no second container to hand a token to.
    github = replace(settings.github, deadline_s=min(settings.github.deadline_s, _GITHUB_S), handover="")
    audit, rules = audit_of(env, log=log), replace(settings, github=github)
    asked = dependencies(rules, clock=clock, log=log, audit=audit, measured=measured, tracer=tracer)
    return Sweep(
        settings=settings,
        workflow=env["WORKFLOW_NAME"],
        started_at=created_at,
        started=clock.monotonic(),
        holder=holder,
        kube=asked.kube,
        github=asked.github,
        breakers=asked.breakers,
        clock=clock,
        random=random.random,
        log=log,
        measurements=measured,
        dry_run=settings.reconcile.dry_run,
    )


if __name__ == "__main__":
    sys.exit(run_with(reconcile, prepare=_sweep))

"""From a container's environment to a step, and from its end to an exit code.

Guarantees that every end is one JSON line and one of the exit codes of steps.errors, that SIGTERM lets the step write
down where it stopped, and that an unexpected error shows where it happened but never its text, which could quote a
payload.
"""

from __future__ import annotations

import os
import random
import signal
import traceback
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from steps import measurements, push, settings, tracing
from steps.audit import Audit
from steps.breaker import Breaker, Breakers, mounted
from steps.clock import SystemClock
from steps.context import Context
from steps.errors import BadInputError, Exit, StepError
from steps.holder import Holder
from steps.kube import Kube
from steps.log import Log
from steps.profiling import profiled
from steps.relay import Relay
from steps.termination import Termination
from steps.transport import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from github.Auth import Auth

    from steps.clock import Clock
    from steps.github import GitHub
    from steps.measurements import Measurements
    from steps.route import Route
    from steps.settings import GitHubRules
    from steps.tracing import Tracer

C = TypeVar("C")

# What the rendered containers get besides the parameters and the settings.
POD_ENV = ("WORKFLOW_NAME", "WORKFLOW_UID", "WORKFLOW_CREATED_AT", "POD_NAME", "POD_UID")


def run(step: Callable[[Context], None]) -> int:
    """Run a step of a push as the container's process.

    Returns:
        The exit code.
    """
    return run_with(step, prepare=_context)


def run_with(
    step: Callable[[C], None], *, prepare: Callable[[Mapping[str, str], Clock, Log, Measurements, Tracer], C]
) -> int:
    """Run a step as the container's process.

    Args:
        step: The step.
        prepare: Makes what it works with from the environment.

    Returns:
        The exit code.
    """
    termination = Termination()
    clock = SystemClock(before_sleep=termination.check)
    tracer = tracing.from_env(os.environ, clock=clock)
    log = Log(clock=clock).bind(step=step.__name__, **tracer.ids())
    measured = measurements.from_env(os.environ)
    termination.listen()
    try:
        with tracer.step(step.__name__), profiled(os.environ, log=log):
            step(prepare(os.environ, clock, log, measured, tracer))
    except StepError as error:
        measured.failed(type(error).__name__)
        log.error(str(error), error=type(error).__name__, exit=int(error.exit))
        return error.exit
    except Exception as error:  # noqa: BLE001 - the last place to turn anything into an exit code
        measured.failed(measurements.UNEXPECTED)
        where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        log.error("unexpected error: please report it", error=type(error).__name__, where=where, exit=int(Exit.BUG))
        return Exit.BUG
    finally:
        if tracer.is_on:
            # The work is done, or given up, and the exit code is known: a signal must not change it any more.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            tracer.flush(log=log)
    return Exit.DONE


def check_pod(env: Mapping[str, str]) -> tuple[Holder, datetime]:
    """Who the process is, and when its Workflow was created by the API server's clock.

    Raises:
        BadInputError: The environment is not the rendered one.
    """
    missing = [name for name in POD_ENV if not env.get(name)]
    if missing:
        raise BadInputError(
            f"{', '.join(missing)} not set: the steps run from the rendered WorkflowTemplate, which sets them"
        )
    if not env["WORKFLOW_CREATED_AT"].isdigit():
        raise BadInputError("WORKFLOW_CREATED_AT is not in Unix seconds: use the rendered WorkflowTemplate")
    holder = Holder(pod=env["POD_NAME"], pod_uid=env["POD_UID"], workflow_uid=env["WORKFLOW_UID"])
    return holder, datetime.fromtimestamp(int(env["WORKFLOW_CREATED_AT"]), UTC)


def audit_of(env: Mapping[str, str], *, log: Log) -> Audit:
    """The audit of this pod, with who it is on every line."""
    who = {"workflow": env["WORKFLOW_NAME"], "pod": env["POD_NAME"], "account": env.get("SERVICE_ACCOUNT", "")}
    return Audit(log=log.bind(**who))


def breakers(rules: settings.StepSettings, *, kube: Kube, clock: Clock, log: Log) -> Breakers:
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


def _context(env: Mapping[str, str], clock: Clock, log: Log, measured: Measurements, tracer: Tracer) -> Context:
    rules = settings.from_env(env, settings.StepSettings)
    pushed = push.from_env(env, rules=rules.push)
    holder, created_at = check_pod(env)
    log = log.bind(correlation_id=pushed.correlation_id, repository=pushed.repository, task=pushed.task)
    tracer.note(correlation_id=pushed.correlation_id, repository=pushed.repository, task=pushed.task)
    audit = audit_of(env, log=log.bind(requested_by=pushed.requested_by, reason=pushed.reason))
    transport = tracing.traced(connect(), tracer)
    kube = Kube(transport=transport, clock=clock, rules=rules.kubernetes, random=random.random, audit=audit)
    known = breakers(rules, kube=kube, clock=clock, log=log)
    return Context(
        push=pushed,
        settings=rules,
        workflow=env["WORKFLOW_NAME"],
        created_at=created_at,
        holder=holder,
        kube=kube,
        github=partial(
            connect_github,
            usual=rules.github,
            clock=clock,
            breaker=known.github,
            measured=measured,
            audit=audit,
            tracer=tracer,
        ),
        breakers=known,
        clock=clock,
        random=random.random,
        log=log,
        measurements=measured,
        relay=Relay(path=Path(rules.lease.handover)) if rules.lease.handover else None,
    )


def connect_github(
    keep: Callable[[], None],
    rules: GitHubRules | None = None,
    *,
    usual: GitHubRules,
    clock: Clock,
    breaker: Breaker,
    measured: Measurements,
    audit: Audit,
    tracer: Tracer = tracing.OFF,
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

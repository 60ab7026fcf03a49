"""Runs a step as the process of a container.

Guarantees that every step ends with an exit code from steps.core.errors, that every failure is one JSON line, and that
a step can record its failure after SIGTERM. The line of an unexpected error has its place in the code but never its
text, because the text could quote a payload.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from steps.core import BadInputError, Exit, StepError, SystemClock
from steps.domain import push_from_env
from steps.lease import Holder
from steps.runtime.context import StepContext
from steps.runtime.signals import Termination
from steps.runtime.wiring import build_clients
from steps.settings import StepSettings, settings_from_env
from steps.telemetry import UNEXPECTED_ERROR, Audit, Log, measurements_from_env, profiled, tracer_from_env

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from steps.core import Clock
    from steps.telemetry import Measurements, Tracer

C = TypeVar("C")

# The containers' environment, besides the parameters and the settings.
POD_ENV = ("WORKFLOW_NAME", "WORKFLOW_UID", "WORKFLOW_CREATED_AT", "POD_NAME", "POD_UID")


def run_step(step: Callable[[StepContext], None]) -> int:
    """Run a step of a push as the container's process.

    Returns:
        The exit code.
    """
    return run_process(step, prepare=_context)


def run_process(
    step: Callable[[C], None], *, prepare: Callable[[Mapping[str, str], Clock, Log, Measurements, Tracer], C]
) -> int:
    """Run a step as the container's process.

    Args:
        step: The step.
        prepare: Creates the step's context from the environment.

    Returns:
        The exit code.
    """
    termination = Termination()
    clock = SystemClock(before_sleep=termination.check)
    tracer = tracer_from_env(os.environ, clock=clock)
    log = Log(clock=clock).bind(step=step.__name__, **tracer.ids())
    measured = measurements_from_env(os.environ)
    termination.listen()
    try:
        try:
            with tracer.step(step.__name__), profiled(os.environ, log=log):
                step(prepare(os.environ, clock, log, measured, tracer))
        finally:
            # What follows decides the exit code and explains it. A signal must not interrupt that.
            termination.ignore()
    except StepError as error:
        measured.failed(type(error).__name__)
        log.error(str(error), error=type(error).__name__, exit=int(error.exit))
        return error.exit
    except Exception as error:  # noqa: BLE001 - the last place to turn an error into an exit code
        measured.failed(UNEXPECTED_ERROR)
        log.unexpected(error, exit=int(Exit.BUG))
        return Exit.BUG
    finally:
        tracer.flush(log=log)
    return Exit.DONE


def pod_identity(env: Mapping[str, str]) -> tuple[Holder, datetime]:
    """Read the process's identity, and the creationTimestamp of its Workflow.

    Raises:
        BadInputError: A variable of the rendered WorkflowTemplate is missing or malformed.
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


def pod_audit(env: Mapping[str, str], *, log: Log) -> Audit:
    """Create the audit of this pod. Every line has its Workflow, pod and service account."""
    identity = {"workflow": env["WORKFLOW_NAME"], "pod": env["POD_NAME"], "account": env.get("SERVICE_ACCOUNT", "")}
    return Audit(log=log.bind(**identity))


def _context(env: Mapping[str, str], clock: Clock, log: Log, measured: Measurements, tracer: Tracer) -> StepContext:
    settings = settings_from_env(env, StepSettings)
    pushed = push_from_env(env, tasks=settings.tasks)
    holder, created_at = pod_identity(env)
    log = log.bind(correlation_id=pushed.correlation_id, repository=pushed.repository, task=pushed.task)
    tracer.set_attributes(correlation_id=pushed.correlation_id, repository=pushed.repository, task=pushed.task)
    audit = pod_audit(env, log=log.bind(requested_by=pushed.requested_by, reason=pushed.reason))
    clients = build_clients(settings, clock=clock, log=log, audit=audit, measured=measured, tracer=tracer)
    return StepContext(
        push=pushed,
        settings=settings.for_repository(pushed.repository),
        general=settings,
        workflow=env["WORKFLOW_NAME"],
        created_at=created_at,
        holder=holder,
        clients=clients,
        clock=clock,
        random=random.random,
        log=log,
        measurements=measured,
    )

"""One reconcile pass: take a snapshot, find problems, plan repairs, apply them one task after another.

Guarantees that a task which cannot be judged or repaired never keeps the others from it, and that a pass which ends
anywhere is finished by the next.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from steps.core import StepError, TerminatedError
from steps.reconciliation.attempts import reset_attempts
from steps.reconciliation.detection import find_problems
from steps.reconciliation.garbage_collection import delete_idle_lease, idle_leases
from steps.reconciliation.metrics import measure_pass
from steps.reconciliation.planning import PlannedRepair, RepairAction, healthy_tasks, plan_repairs
from steps.reconciliation.repair import apply_repair, count_repair
from steps.reconciliation.snapshot import take_snapshot
from steps.reconciliation.task_index import TaskIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.task_state import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class PassResult:
    """What one pass found.

    Attributes:
        intents: Each finding, and what was (or in a dry run, would be) done about it.
        idle: Leases that were (or would be) deleted.
        unread: What could not be read, and what to do about it.
    """

    intents: tuple[PlannedRepair, ...]
    idle: tuple[TaskState, ...]
    unread: tuple[str, ...]


def run_pass(context: ReconcileContext) -> PassResult:
    """One pass.

    Raises:
        StepError: Leases, Workflows or pods can't be read.
    """
    began = context.clock.monotonic()
    seen = take_snapshot(context)
    for problem in seen.unread:
        context.log.warning("could not be read: judged without it", problem=problem)
    findings = find_problems(seen, settings=context.settings)
    intents = plan_repairs(findings, snapshot=seen, settings=context.settings.reconcile)
    for intent in intents:
        _log_finding(intent, context=context)
    idle = tuple(idle_leases(TaskIndex.at(seen, settings=context.settings), findings))
    repaired: list[PlannedRepair] = []
    if not context.dry_run:
        repaired = [
            intent
            for intent in intents
            if _guarded(partial(_repair_and_count, intent, context=context), task=intent.finding.task, context=context)
        ]
        for task_state in healthy_tasks(seen, findings):
            _guarded(partial(reset_attempts, task_state.name, context=context), task=task_state.task, context=context)
        for task_state in idle:
            _guarded(partial(delete_idle_lease, task_state, context=context), task=task_state.task, context=context)
    seconds = context.clock.monotonic() - began
    measure_pass(seen, intents=intents, repaired=repaired, seconds=seconds, context=context)
    context.log.info(
        "pass done",
        tasks=len(seen.task_states),
        findings=len(findings),
        repairs=sum(intent.action in (RepairAction.SUBMIT, RepairAction.REOPEN) for intent in intents),
        idle=len(idle),
        seconds=round(seconds, 3),
        dry_run=context.dry_run,
    )
    return PassResult(intents=intents, idle=idle, unread=seen.unread)


def _log_finding(intent: PlannedRepair, *, context: ReconcileContext) -> None:
    finding = intent.finding
    context.log.warning(
        "found",
        finding=finding.kind,
        task=finding.task,
        repository=finding.repository,
        detail=finding.detail,
        advice=finding.advice,
        action=intent.action,
        reason=intent.reason,
    )


def _repair_and_count(intent: PlannedRepair, *, context: ReconcileContext) -> None:
    try:
        apply_repair(intent, context=context)
    except StepError:
        # What cannot be mended has to come before a person some day; calling one is no try.
        if intent.action is not RepairAction.ESCALATE:
            count_repair(intent, context=context)
        raise
    if intent.action in (RepairAction.SUBMIT, RepairAction.REOPEN):
        count_repair(intent, context=context)


def _guarded(do: Callable[[], None], *, task: str, context: ReconcileContext) -> bool:
    """Do something for one task; whatever goes wrong is said and stays with that task. Whether it was done."""
    try:
        do()
    except TerminatedError:
        raise
    except StepError as error:
        context.log.error("task could not be mended now", task=task, error=type(error).__name__, problem=str(error))
    except Exception as error:  # noqa: BLE001 - the other tasks must not pay for a bug; its text could quote anything
        where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        context.log.error("unexpected error: please report it", task=task, error=type(error).__name__, where=where)
    else:
        return True
    return False

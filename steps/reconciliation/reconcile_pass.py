"""One reconcile pass: takes a snapshot, finds problems, plans repairs, and applies them one after another.

Guarantees that a task that cannot be repaired does not block the others, and that the next pass finishes the work of a
pass that ends early.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from steps.core import StepError, TerminatedError
from steps.reconciliation.attempts import count_repair, reset_attempts
from steps.reconciliation.detection import find_problems
from steps.reconciliation.garbage_collection import delete_idle_lease, idle_leases
from steps.reconciliation.metrics import measure_pass
from steps.reconciliation.planning import PlannedRepair, RepairAction, healthy_tasks, plan_repairs
from steps.reconciliation.repair import apply_repair
from steps.reconciliation.snapshot import take_snapshot
from steps.reconciliation.task_index import TaskIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.observed_state import TaskState
    from steps.reconciliation.context import ReconcileContext
    from steps.reconciliation.finding import Finding
    from steps.reconciliation.snapshot import ClusterSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairResult:
    """A finding with its action, and what came of it.

    Attributes:
        problem: Why the repair failed; empty if it was applied, and in a dry run.
    """

    planned: PlannedRepair
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleResult:
    """An idle Lease, and what came of its deletion.

    Attributes:
        problem: Why it could not be deleted; empty if it was, and in a dry run.
    """

    task_state: TaskState
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassResult:
    """The result of one pass. A dry run applies no action and deletes no Lease.

    Attributes:
        unread: The objects that could not be read, with the error and the fix.
    """

    repairs: tuple[RepairResult, ...]
    idle: tuple[IdleResult, ...]
    unread: tuple[str, ...]

    @property
    def failures(self) -> int:
        """Number of repairs and deletions that failed."""
        return sum(bool(each.problem) for each in self.repairs) + sum(bool(each.problem) for each in self.idle)


def run_pass(context: ReconcileContext) -> PassResult:
    """Run one pass.

    Args:
        context: The process.

    Raises:
        StepError: Leases, Workflows or pods cannot be read.
    """
    began = context.clock.monotonic()
    snapshot = take_snapshot(context)
    for problem in snapshot.unread:
        context.log.warning("could not be read, pass continues without it", problem=problem)
    findings, snapshot = _find_each(snapshot, context=context)
    planned = plan_repairs(findings, snapshot=snapshot, settings=context.settings.reconcile)
    for repair in planned:
        _log_finding(repair, context=context)
    unused = tuple(idle_leases(TaskIndex.from_snapshot(snapshot, settings=context.settings), findings))
    do = partial(_guarded, context=context)
    repairs = tuple(
        RepairResult(
            planned=repair,
            problem=do(partial(_repair_and_count, repair, context=context), task=repair.finding.task),
        )
        for repair in planned
    )
    for task_state in healthy_tasks(snapshot, findings):
        do(partial(reset_attempts, task_state.name, context=context), task=task_state.task)
    idle = tuple(
        IdleResult(task_state=each, problem=do(partial(delete_idle_lease, each, context=context), task=each.task))
        for each in unused
    )
    repaired = [] if context.dry_run else [each.planned for each in repairs if not each.problem]
    seconds = context.clock.monotonic() - began
    measure_pass(snapshot, repairs=planned, repaired=repaired, seconds=seconds, context=context)
    context.log.info(
        "pass done",
        tasks=len(snapshot.task_states),
        findings=len(findings),
        repairs=sum(repair.action in (RepairAction.SUBMIT, RepairAction.REOPEN) for repair in planned),
        idle=len(idle),
        seconds=round(seconds, 3),
        dry_run=context.dry_run,
    )
    return PassResult(repairs=repairs, idle=idle, unread=snapshot.unread)


def _find_each(snapshot: ClusterSnapshot, *, context: ReconcileContext) -> tuple[tuple[Finding, ...], ClusterSnapshot]:
    """Find problems. An error about one task is reported, and does not affect the others.

    Returns:
        The findings, and the snapshot without the Leases of such tasks: nobody knows whether they are healthy.
    """
    failed: dict[str, str] = {}

    def guard(task: str, found: Iterator[Finding]) -> list[Finding]:
        try:
            return list(found)
        except TerminatedError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug must not affect other tasks; its text may contain any data
            context.log.unexpected(error, task=task)
            failed[task] = f"task {task}: cannot be judged ({type(error).__name__}): please report it"
            return []

    findings = find_problems(snapshot, settings=context.settings, guard=guard)
    known = tuple(each for each in snapshot.task_states if each.task not in failed)
    return findings, replace(snapshot, task_states=known, unread=(*snapshot.unread, *failed.values()))


def _log_finding(repair: PlannedRepair, *, context: ReconcileContext) -> None:
    finding = repair.finding
    context.log.warning(
        "finding",
        finding=finding.kind,
        task=finding.task,
        repository=finding.repository,
        detail=finding.detail,
        advice=finding.advice,
        action=repair.action,
        reason=repair.reason,
    )


def _repair_and_count(repair: PlannedRepair, *, context: ReconcileContext) -> None:
    try:
        apply_repair(repair, context=context)
    except StepError:
        # A failed repair counts, so that the task is escalated in the end. The escalation itself is not an attempt.
        if repair.action is not RepairAction.ESCALATE:
            count_repair(repair, context=context)
        raise
    if repair.action in (RepairAction.SUBMIT, RepairAction.REOPEN):
        count_repair(repair, context=context)


def _guarded(do: Callable[[], None], *, task: str, context: ReconcileContext) -> str:
    """Run an action for one task, unless this is a dry run, and log its errors. Return why it failed; else empty."""
    if context.dry_run:
        return ""
    try:
        do()
    except TerminatedError:
        raise
    except StepError as error:
        context.log.error(
            "task could not be repaired, next pass tries again",
            task=task,
            error=type(error).__name__,
            problem=str(error),
        )
        return str(error) or type(error).__name__
    except Exception as error:  # noqa: BLE001 - a bug must not affect other tasks; its text may contain any data
        context.log.unexpected(error, task=task)
        return f"unexpected error ({type(error).__name__}): please report it"
    return ""

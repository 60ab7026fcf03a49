"""The record by which the agents are judged: the push to settle, its pull request, its head and its watermark.

Guarantees that a cancellation and a dry run judge by the same record, and that nothing is written here. If GitHub shows
another head whose Workflow waits, its push is settled at once (docs/decisions/0006).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from steps.agents import AgentRun, task_runs
from steps.cancellation.claim import measured_watermark
from steps.cancellation.coalescing import waiting_head_push
from steps.cancellation.doubtful_runs import settle_doubt
from steps.core import run_parallel
from steps.domain import MAX_OLDER, LabelOutcome, Record, is_newer, is_order_doubtful, known_older
from steps.pull_request import read_label_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from steps.domain import LabelPlan, Push
    from steps.runtime import StepContext

_NO_AGENT_STOPS = (LabelOutcome.SKIPPED, LabelOutcome.OPEN_AGAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRecord:
    """The record to judge by, and the task's runs as they were read for it."""

    record: Record
    runs: tuple[AgentRun, ...]

    @property
    def stops_agents(self) -> bool:
        """Whether stale agents are to be stopped: no skip label is set, and an ended branch does not live again."""
        return self.record.labels not in _NO_AGENT_STOPS


def plan_record(
    record: Record, *, stored: Record | None, context: StepContext, while_waiting: Callable[[], None]
) -> PlannedRecord:
    """Read the pull request and the runs, and return the record to judge by.

    Args:
        record: The claimed record.
        stored: The record before it; None if there was none.
        context: The step.
        while_waiting: Renews the Lease.

    Raises:
        StepError: GitHub or the API server could not be read.
    """
    (push, plan), runs = _read_state(record, context=context, while_waiting=while_waiting)
    record = replace(
        _with_push(record, push),
        pull_request=plan.pull_request,
        labels=plan.labels,
        left_to=plan.left_to,
        open_heads=plan.open_heads or None,
    )
    if plan.older_head:
        record = _with_older_head(record, plan.older_head)
    if record.labels is LabelOutcome.HEAD_MOVED:
        record, runs = _for_head_push(record, runs, context=context, while_waiting=while_waiting)
    record = replace(record, watermark=measured_watermark(record, context=context, offset_s=plan.clock_offset_s))
    planned = PlannedRecord(record=record, runs=runs)
    if not planned.stops_agents:
        return planned
    record = settle_doubt(
        record, runs=runs, stored=stored, context=context, while_waiting=while_waiting, offset_s=plan.clock_offset_s
    )
    return replace(planned, record=record)


def _for_head_push(
    record: Record, runs: tuple[AgentRun, ...], *, context: StepContext, while_waiting: Callable[[], None]
) -> tuple[Record, tuple[AgentRun, ...]]:
    """Return the record for the head's push if its Workflow waits behind this one, and the runs read after that."""
    waiting = waiting_head_push(record.left_to, ref=record.push.ref, context=context)
    if waiting is None:
        return record, runs
    doubtful = is_order_doubtful(waiting.push, known=record.push)
    if record.pull_request and is_newer(record.push, than=waiting.push) and not doubtful:
        context.log.info("GitHub shows the head of an older push: the push counts as the head", head=record.left_to)
        as_head = replace(record.pull_request, head_sha=record.push.sha)
        record = replace(record, labels=LabelOutcome.PENDING, left_to="", pull_request=as_head)
        return _with_older_head(record, waiting.push.sha), runs
    while_waiting()
    return replace(_with_push(record, waiting.push), labels=LabelOutcome.PENDING, left_to=""), task_runs(context)


def _with_push(record: Record, push: Push) -> Record:
    """Return the record for another push of its branch. The commits that this push made old are known to be older."""
    older = known_older(record, push=push) if push.sha != record.push.sha else record.older
    return replace(record, push=push, older=older)


def _with_older_head(record: Record, head: str) -> Record:
    """Return the record with one more commit that is known to be older."""
    return record if head in record.older else replace(record, older=(*record.older, head)[-MAX_OLDER:])


def _read_state(
    record: Record, *, context: StepContext, while_waiting: Callable[[], None]
) -> tuple[tuple[Push, LabelPlan], tuple[AgentRun, ...]]:
    """Read the pull request and the task's runs in parallel."""
    plans: list[tuple[Push, LabelPlan]] = []
    runs: list[AgentRun] = []
    run_parallel(
        [
            lambda: plans.append(read_label_plan(record, context=context, while_waiting=while_waiting)),
            lambda: runs.extend(task_runs(context)),
        ],
        parallel=context.settings.stop.parallel,
        while_waiting=while_waiting,
    )
    return plans[0], tuple(runs)

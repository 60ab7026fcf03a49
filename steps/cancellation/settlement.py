"""Finishes a cancellation whose agents are proven gone: labels, state flag, comment, record, waiting Workflows.

Guarantees that the Lease is released together with the finished record. Superseded Workflows that wait are ended after
that, so a crash loses nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.cancellation.coalescing import terminate_superseded
from steps.cancellation.report import INCLUDE_NEWER_HINT, SUPERSEDED, completed_report, nothing_to_do_report
from steps.cancellation.state_update import StateChange, update_state_document
from steps.domain import KEEP_REASON, LABEL_TEXT, MANUAL_REASON, LabelOutcome, Phase, RunOutcome
from steps.kube import EventReason
from steps.pull_request import move_labels, update_comment
from steps.runtime import emit_event, emit_task_event
from steps.telemetry import CancellationResult, Measure

if TYPE_CHECKING:
    from datetime import datetime

    from steps.domain import Record
    from steps.kube import ObjectReference
    from steps.lease import HeldLease
    from steps.runtime import StepContext


def settle(record: Record, *, context: StepContext, held: HeldLease) -> Record:
    """Move the labels, clear the state flag, comment, and release the Lease.

    Args:
        record: The record. Its agents are proven gone.
        context: The step.
        held: The task's Lease.

    Returns:
        The finished record.

    Raises:
        StepError: The step failed.
    """
    record = move_labels(record, context=context, held=held)
    update_state_document(StateChange(in_progress=False), context=context, held=held)
    record = replace(record, phase=Phase.COMPLETED, finished_at=context.now())
    if not record.push.ends or any(agent.outcome is not RunOutcome.KEPT for agent in record.agents):
        # Who closes a pull request need not read that there was nothing to stop.
        update_comment(record, context=context, held=held)
    held.release(record)
    _measure(record, context=context)
    context.log.info("cancellation completed", labels=str(record.labels), agents=len(record.agents))
    return record


def complete_unstopped(record: Record, *, context: StepContext, held: HeldLease) -> Record:
    """Release the Lease with a finished record, because no agent is to be stopped.

    A person's skip label is set, or the branch that ended lives again.

    Returns:
        The finished record.

    Raises:
        LockLostError: The Lease is lost, and nothing was written.
    """
    if record.labels is LabelOutcome.SKIPPED:
        context.log.info("skip label is set, agents not stopped", label=context.settings.labels.skip)
    else:
        context.log.info("pull request is open again, agents not stopped", branch=record.push.branch)
    record = replace(record, phase=Phase.COMPLETED, finished_at=context.now())
    if record.agents:
        update_comment(record, context=context, held=held)
    held.release(record)
    _measure(record, context=context)
    return record


def announce(record: Record, *, context: StepContext, held: HeldLease) -> None:
    """End the waiting Workflows that the finished record supersedes, and create an Event. Never fails.

    Called after the release, to include Workflows that arrived meanwhile. Argo holds the mutex until the pod ends.

    Args:
        record: The finished record.
        context: The step.
        held: The task's Lease, released.
    """
    if record.proven_gone_at is None:
        _end_superseded(record, about=held.reference, context=context)
        return
    ended = terminate_superseded(record, context=context)
    emit_task_event(EventReason.COMPLETED, _completed(record, ended=ended), context=context, held=held)


def report_finished(context: StepContext) -> None:
    """Report that the push is finished already, and end the waiting Workflows that are superseded too.

    If another pod did the work for this Workflow, its record gives the measurements. That pod has ended the waiting
    Workflows that it could; the first of the others to begin ends the rest.

    Raises:
        StepError: The Lease could not be read.
    """
    snapshot = context.lease().read()
    record = snapshot.record() if snapshot else None
    if record and record.helper and record.workflow_uid == context.holder.workflow_uid:
        _measure(record, context=context)
        context.log.info("another pod has processed this push", helper=record.helper)
        return
    context.measurements.set_label(Measure.OUTCOME, CancellationResult.SUPERSEDED)
    hint = INCLUDE_NEWER_HINT if context.push.reason == MANUAL_REASON else ""
    context.measurements.report(nothing_to_do_report(f"{SUPERSEDED}{hint}"))
    if snapshot and record:
        _end_superseded(record, about=snapshot.about, context=context)


def report_ignored(context: StepContext) -> None:
    """Report that events of this kind do not count for the repository."""
    context.log.info("event does not count for this repository (policies)", reason=context.push.reason)
    context.measurements.set_label(Measure.OUTCOME, CancellationResult.SUPERSEDED)
    context.measurements.report(nothing_to_do_report(f"{context.push.reason} does not count for this repository"))


def _measure(record: Record, *, context: StepContext) -> None:
    """Write the measurements of a finished record."""
    # Only a push whose agents were left ends without that proof.
    outcome = CancellationResult.COMPLETED if record.proven_gone_at else CancellationResult.SKIPPED
    context.measurements.set_label(Measure.OUTCOME, outcome)
    context.measurements.report(completed_report(record))
    if record.proven_gone_at is None or record.finished_at is None:
        return
    context.measurements.set(Measure.GONE_S, _seconds_after_push(record.proven_gone_at, record=record))
    context.measurements.set(Measure.STOPPED, sum(agent.outcome is RunOutcome.GONE for agent in record.agents))
    marked = sum(agent.outcome is RunOutcome.KEPT and agent.reason == KEEP_REASON for agent in record.agents)
    context.measurements.set(Measure.KEPT_BY_MARK, marked)
    context.measurements.set(Measure.FINISHED_S, _seconds_after_push(record.finished_at, record=record))


def _seconds_after_push(moment: datetime, *, record: Record) -> float:
    """Return the seconds since the push. Both times are whole seconds, of two servers."""
    return max(0.0, (moment - record.push.pushed_at).total_seconds())


def _end_superseded(record: Record, *, about: ObjectReference, context: StepContext) -> None:
    """End the waiting Workflows whose pushes the finished record supersedes, and create an Event. Never fails.

    Args:
        record: The task's record, as last written.
        about: The task's Lease.
        context: The step.
    """
    if ended := terminate_superseded(record, context=context):
        emit_event(about, EventReason.ENDED_WAITERS, _superseded(ended), once=context.workflow, context=context)


def _completed(record: Record, *, ended: list[str]) -> str:
    """Describe the completed cancellation."""
    gone = sum(agent.outcome in (RunOutcome.GONE, RunOutcome.FINISHED) for agent in record.agents)
    text = f"{record.push.title}: stale runs gone: {gone}; {LABEL_TEXT[record.labels]}"
    return f"{text}; {_superseded(ended)}" if ended else text


def _superseded(ended: list[str]) -> str:
    return f"ended superseded workflows: {', '.join(ended)}"

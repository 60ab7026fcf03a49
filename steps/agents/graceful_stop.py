"""Asks stale runs to stop if their kind has a `stop_patch`, and waits until they end.

Guarantees that exactly the object that was judged is asked: its resourceVersion is a precondition. A run that changed
is judged again, and asked again if it is still stale, because Argo writes to a Workflow whenever one of its pods
changes. Each look lists the task's runs of all kinds, because a run may have started another one that is to be kept. No
request is sent after the Lease is lost. Not guaranteed: that a run stops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.agents.agent_run import kind_resource
from steps.agents.decisions import decide_each
from steps.agents.runs import task_runs
from steps.core import (
    STEP_ENDS,
    ConflictError,
    NotFoundError,
    StepError,
    UnavailableError,
    poll_pauses,
)
from steps.domain import RunAction
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.agents.agent_run import AgentRun
    from steps.agents.decisions import Surroundings
    from steps.domain import Record, RunDecision
    from steps.lease import HeldLease
    from steps.runtime import StepContext


def request_stop(
    runs: Sequence[AgentRun], *, context: StepContext, held: HeldLease, record: Record, around: Surroundings
) -> tuple[dict[str, tuple[AgentRun, RunDecision]], dict[str, StepError]]:
    """Send each run the `stop_patch` of its kind, and wait for at most the grace period.

    Args:
        runs: The runs judged stale, of kinds with a `stop_patch`.
        context: The step.
        held: The task's Lease.
        record: The record that the runs were judged by.
        around: The objects through which a run may own another.

    Returns:
        The runs that still exist when none of them is stale or the grace period is over, as last read, with the
        decision about each, by uid; and why a run could not be asked to stop, by uid.

    Raises:
        LockLostError: The Lease was lost. No further request was sent.
    """
    uids = {run.uid for run in runs}
    settings = context.settings.stop
    deadline = context.clock.monotonic() + settings.grace_s
    to_ask, pauses = list(runs), poll_pauses(settings.poll_s)
    refused: dict[str, StepError] = {}
    while uids:
        for run in to_ask:
            held.renew_if_due()
            refused.pop(run.uid, None)
            if error := send_stop_patch(run, context=context, held=held):
                refused[run.uid] = error
        held.renew_if_due()
        found = task_runs(context)
        decisions = decide_each(found, record=record, around=around)
        left = {run.uid: (run, decisions[run.uid]) for run in found if run.uid in uids}
        stale = [run for run, decision in left.values() if decision.action is RunAction.CANCEL]
        to_ask = [run for run in stale if isinstance(refused.get(run.uid), (ConflictError, UnavailableError))]
        may_end = to_ask or any(run.uid not in refused for run in stale)
        if not may_end or context.clock.monotonic() >= deadline:
            return left, refused
        context.clock.sleep(next(pauses))
    return {}, {}


def send_stop_patch(run: AgentRun, *, context: StepContext, held: HeldLease) -> StepError | None:
    """Ask one run to stop. Return why it could not be asked; None if it was, or is gone."""
    held.ensure_held()
    metadata = run.kind.stop_patch.get("metadata", {}) | {"resourceVersion": run.resource_version}
    patch = run.kind.stop_patch | {"metadata": metadata}
    reason = held.write_reason(WriteCause.ASK, run.facts.agent)
    try:
        context.clients.kube.merge(
            kind_resource(run.kind),
            namespace=run.namespace,
            name=run.name,
            body=patch,
            reason=reason,
            guard=held.ensure_held,
        )
    except STEP_ENDS:
        raise
    except StepError as error:
        context.log.warning("run not asked to stop", run=run.name, error=type(error).__name__, problem=str(error))
        return None if isinstance(error, NotFoundError) else error
    return None

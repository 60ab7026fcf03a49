"""Asks stale runs to stop if their kind has a `stop_patch`, and waits until they end.

Guarantees that exactly the object that was judged is asked: its resourceVersion is a precondition. A run that changed
is judged again, and asked again if it is still stale, because Argo writes to a Workflow whenever one of its pods
changes. Each look lists the task's runs of all kinds in the namespaces of those that were asked, because a run may have
started another one that is to be kept. No request is sent after the Lease is lost. Not guaranteed: that a run stops.
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
from steps.domain import RunAction, RunOutcome, find_owners
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from steps.agents.agent_run import AgentRun
    from steps.agents.decisions import Surroundings
    from steps.domain import Agent, Record, RunDecision
    from steps.lease import HeldLease
    from steps.runtime import StepContext

# The reason in the record for a run that ended after it was asked to stop.
STOPPED_ON_REQUEST = "asked to stop, then ended"


def deleted_at_once(runs: Collection[AgentRun], *, around: Surroundings) -> list[AgentRun]:
    """Return the runs whose DELETE waits for no run that is asked to stop: it would delete none of those with it.

    Args:
        runs: The runs judged stale.
        around: The objects through which a run may own another.
    """
    owners = {each.uid: each.owner_uids for each in (*around.objects, *(run.as_object() for run in runs))}
    above = find_owners([run.uid for run in runs if run.kind.stop_patch], owners=owners)
    return [run for run in runs if not run.kind.stop_patch and run.uid not in above]


def request_stop(
    runs: Sequence[AgentRun],
    *,
    context: StepContext,
    held: HeldLease,
    record: Record,
    around: Surroundings,
    then: Callable[[], None],
) -> tuple[dict[str, tuple[AgentRun, RunDecision | None]], dict[str, StepError]]:
    """Send each run the `stop_patch` of its kind, and wait for at most the grace period.

    Args:
        runs: The runs judged stale, of kinds with a `stop_patch`.
        context: The step.
        held: The task's Lease.
        record: The record that the runs were judged by.
        around: The objects through which a run may own another.
        then: Called once, after every run was asked and before the wait.

    Returns:
        The runs as last read, by uid, when none of them is stale or the grace period is over, with the decision about
        each; None about one that does not exist any more. And why a run could not be asked to stop, by uid.

    Raises:
        LockLostError: The Lease was lost. No further request was sent.
    """
    seen = {run.uid: run for run in runs}
    # A run that changes each second would change again while the other namespaces are listed, or during the pause.
    namespaces = tuple(dict.fromkeys(run.namespace for run in runs))
    settings = context.settings.stop
    deadline = context.clock.monotonic() + settings.grace_s
    pauses = poll_pauses(settings.poll_s)
    refused: dict[str, StepError] = {}

    def ask(to_ask: Iterable[AgentRun]) -> None:
        for run in to_ask:
            held.renew_if_due()
            refused.pop(run.uid, None)
            if error := send_stop_patch(run, context=context, held=held):
                refused[run.uid] = error

    ask(runs)
    then()
    while seen:
        held.renew_if_due()
        found = task_runs(context, namespaces=namespaces)
        decisions = decide_each(found, record=record, around=around)
        # One that is gone by the next look may have named its Job.
        seen |= {run.uid: run for run in found if run.uid in seen}
        stale = [run for run in found if run.uid in seen and decisions[run.uid].action is RunAction.CANCEL]
        to_ask = [run for run in stale if isinstance(refused.get(run.uid), (ConflictError, UnavailableError))]
        may_end = to_ask or any(run.uid not in refused for run in stale)
        if not may_end or context.clock.monotonic() >= deadline:
            return {uid: (run, decisions.get(uid)) for uid, run in seen.items()}, refused
        ask(to_ask)
        context.clock.sleep(next(pauses))
    return {}, {}


def entry_after_request(last: AgentRun, *, decision: RunDecision | None, refusal: StepError | None) -> Agent | None:
    """Return the entry for the record of a run that was asked to stop; None if it has to be deleted.

    Args:
        last: The run as last read.
        decision: The decision about it; None if it does not exist any more.
        refusal: Why it could not be asked to stop; None if it was.
    """
    if decision is None or last.ended or decision.action is RunAction.AWAIT:
        return last.as_agent(outcome=RunOutcome.STOPPING, reason=STOPPED_ON_REQUEST)
    if decision.action is RunAction.KEEP:
        return last.as_agent(outcome=RunOutcome.KEPT, reason=decision.reason, kept_for=decision.kept_for)
    if last.kind.delete:
        return None
    if refusal:
        return last.as_agent(outcome=RunOutcome.STUCK, reason=f"not asked to stop: {refusal}")
    return last.as_agent(outcome=RunOutcome.STOPPING, reason="asked to stop")


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

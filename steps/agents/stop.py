"""Stops the stale agents of a task: records the intent, deletes, verifies, and lists once more.

Guarantees that the intent is in the record before the first delete, with what each run owns, and that the last list
found no further stale run after all known runs were gone. A stale run that owns a kept run is neither asked nor
deleted. If there are more runs than a record can hold, the next round stops the rest. Repeating it does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from steps.agents.decisions import decide_all
from steps.agents.deletion import delete_runs
from steps.agents.owned_resources import OwnedResources
from steps.agents.ownership import look_around, owned_by_stopping_runs, with_owned
from steps.agents.verification import has_new_stale_run, unstopped_error, verify_gone
from steps.core import StillRunningError, run_parallel
from steps.domain import FINISHED_REASON, RunOutcome
from steps.kube import EventReason
from steps.runtime import emit_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from steps.agents.agent_run import AgentRun
    from steps.agents.decisions import RunDecisions
    from steps.core import StepError
    from steps.domain import Agent, Record
    from steps.lease import HeldLease
    from steps.runtime import StepContext

_ROUNDS = 3
_NOTHING = OwnedResources(run_uids=frozenset(), names=frozenset())


def record_intent(record: Record, judged: RunDecisions) -> Record:
    """Add the intent for each run to the record. Write the record before the first delete."""
    again = {agent.uid: replace(agent, outcome=RunOutcome.STOPPING) for agent in record.agents if agent.unproven}
    # A run that was asked to stop and has ended did not finish by itself, and its pod may still work.
    stopped = {agent.uid for agent in record.agents if agent.outcome is not RunOutcome.KEPT}
    kept = [agent for agent in judged.kept if agent.reason != FINISHED_REASON or agent.uid not in stopped]
    # A run that can be started again stays in a finished phase. What an earlier attempt noted of it stays as well.
    stale = [run.as_stopping() for run in judged.stale if not (run.ended and run.uid in again)]
    return _merged(record, (*again.values(), *kept, *stale))


def _merged(record: Record, agents: Iterable[Agent]) -> Record:
    """Add agents to the record. An agent with a known uid is replaced; what it owns stays known."""
    known = {agent.uid: agent for agent in record.agents}
    for agent in agents:
        before = known.get(agent.uid)
        known[agent.uid] = replace(agent, owned=before.owned) if before and agent.unproven else agent
    return record.with_agents(tuple(known.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedStop:
    """Runs whose DELETEs are sent.

    Attributes:
        record: The record with each run.
        owned: The Jobs of the runs that are being stopped, as known before the deletes.
        accepted: The time when the DELETE or stop request of each run was accepted, in monotonic seconds, by uid.
        refused: Why a run could not be deleted or asked to stop, by uid.
        runs: The runs that were asked to stop.
    """

    record: Record
    owned: OwnedResources
    accepted: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, StepError] = field(default_factory=dict)
    runs: Sequence[AgentRun] = ()


def start_stop(
    record: Record, *, judged: RunDecisions, context: StepContext, held: HeldLease, before: Callable[[], None]
) -> StartedStop:
    """Record the intent, and delete the stale runs. Continues with the runs that an earlier attempt began to stop.

    Args:
        record: The record. It must name the pull request if there is one.
        judged: The decisions about the runs.
        context: The step.
        held: The task's Lease.
        before: Called after the intent is written and before the first delete, if there is a run to stop.

    Raises:
        LockLostError: The Lease was lost.
    """
    known = record.with_namespace(context.settings.namespaces.agents[0])
    return _delete(known, judged=judged, context=context, held=held, before=before)


def finish_stop(started: StartedStop, *, context: StepContext, held: HeldLease) -> Record:
    """Wait until the runs are gone, and stop the stale runs that appeared meanwhile.

    Returns:
        The record with the outcome of each agent. None of them is unproven.

    Raises:
        StillRunningError: The time is over, or stale runs kept appearing. `held.record` has the outcomes so far.
        ForbiddenError: Every run that is left could not be deleted, and a retry changes nothing.
        BadInputError: As above.
        LockLostError: The Lease was lost.
    """
    for rounds_left in reversed(range(_ROUNDS)):
        record = started.record
        if not _unproven(record):
            return record
        _emit_stopping_events(started.runs, record=record, context=context, held=held)
        record, runs = verify_gone(record, owned=started.owned, accepted=started.accepted, context=context, held=held)
        if stuck := _unproven(record):
            held.write(record)
            raise unstopped_error(stuck, refused=started.refused)
        if not has_new_stale_run(record, runs):
            return record
        judged = decide_all(runs, record=record)
        if rounds_left:
            started = _delete(record, judged=judged, context=context, held=held)
        else:
            held.write(record_intent(record, judged))
    raise StillRunningError(
        f"agents: new stale runs appeared in each of {_ROUNDS} rounds: find the controller that creates them again"
    )


def _unproven(record: Record) -> list[Agent]:
    return [agent for agent in record.agents if agent.unproven]


def _delete(
    record: Record,
    *,
    judged: RunDecisions,
    context: StepContext,
    held: HeldLease,
    before: Callable[[], None] = lambda: None,
) -> StartedStop:
    """Look at what the runs own, record the intent, and delete the stale runs."""
    plurals = {agent.kind for agent in _unproven(record)} | {run.kind.plural for run in judged.stale}
    around = look_around(judged.runs, plurals=plurals, settings=context.settings, kube=context.clients.kube)
    judged = decide_all(judged.runs, record=record, around=around)
    _warn_of_owners(judged.kept, context=context)
    record = record_intent(record, judged)
    if not _unproven(record):
        return StartedStop(record=record, owned=_NOTHING)
    owned = owned_by_stopping_runs(record, judged=judged, around=around, kinds=context.settings.agents)
    record = with_owned(record, owned)
    held.write(record)
    before()
    runs = [run for run in judged.to_cancel if run.uid in owned.run_uids]
    sent = delete_runs(runs, context=context, held=held, record=record, around=around)
    record = _merged(record, sent.agents)
    return StartedStop(record=record, owned=owned, accepted=sent.accepted, refused=sent.refused, runs=runs)


def _warn_of_owners(kept: Iterable[Agent], *, context: StepContext) -> None:
    """Say which stale runs go on with their work, because their deletion would take a kept run along."""
    for agent in kept:
        if agent.kept_for:
            context.log.warning("stale run not stopped", run=agent.name, agent=agent.agent, reason=agent.reason)


def _emit_stopping_events(runs: Sequence[AgentRun], *, record: Record, context: StepContext, held: HeldLease) -> None:
    """Create an Event on each run that is being stopped, and one on the Lease.

    Called while the runs end, because Events must not delay the deletes.

    Raises:
        LockLostError: The Lease was lost.
    """
    stopping = {agent.uid for agent in record.agents if agent.outcome is RunOutcome.STOPPING}
    runs = [run for run in runs if run.uid in stopping]
    if not runs or not context.settings.kubernetes.events:
        return
    push = record.push
    reason = f"by {push.title} by {push.requested_by}, workflow {context.workflow}"
    names = ", ".join(f"{run.facts.agent} {run.name}" for run in runs)
    events = [
        (held.reference, EventReason.CANCELLING, f"{len(runs)} stale, {reason}: {names}", f"{held.epoch} {names}")
    ]
    events += [(run.about(), EventReason.CANCELLED, f"Cancelled {reason}", push.sha) for run in runs]
    run_parallel(
        [
            partial(emit_event, about, reason, message, once=once, context=context)
            for about, reason, message, once in events
        ],
        parallel=context.settings.stop.parallel,
        while_waiting=held.renew_if_due,
    )

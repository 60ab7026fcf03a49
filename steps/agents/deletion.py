"""Deletes stale runs under preconditions. Runs whose kind has a `stop_patch` are asked to stop first.

Guarantees that exactly the object that was judged stale is deleted: its uid and resourceVersion are preconditions. A
run that changed since is read and judged again, together with the task's other runs: it may own one of them by now. No
DELETE waits for a run that was asked to stop, unless it would delete that run as well. No request is sent after the
Lease is lost. A run that is gone, or is being deleted already, counts as stopping. Not guaranteed: that a run has
ended. steps.agents.verification shows that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from steps.agents.agent_run import kind_resource, parse_run
from steps.agents.decisions import decide_each
from steps.agents.graceful_stop import deleted_at_once, entry_after_request, request_stop
from steps.agents.run_policy import decide_by_record
from steps.agents.runs import task_runs
from steps.core import (
    STEP_ENDS,
    ConflictError,
    NotFoundError,
    StepError,
    UnavailableError,
    backoff,
    run_parallel,
    wait,
)
from steps.domain import Agent, RunAction, RunOutcome
from steps.telemetry import WriteCause

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steps.agents.agent_run import AgentRun
    from steps.agents.decisions import Surroundings
    from steps.domain import Record
    from steps.lease import HeldLease
    from steps.runtime import StepContext


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDeletes:
    """What became of the DELETEs and stop requests of runs.

    Attributes:
        agents: Each run's entry for the record.
        accepted: The time when each DELETE was accepted, in monotonic seconds, by uid.
        refused: Why a run could not be deleted or asked to stop, by uid.
    """

    agents: list[Agent] = field(default_factory=list)
    accepted: dict[str, float] = field(default_factory=dict)
    refused: dict[str, StepError] = field(default_factory=dict)


def delete_runs(
    runs: Sequence[AgentRun], *, context: StepContext, held: HeldLease, record: Record, around: Surroundings
) -> SentDeletes:
    """Stop runs: ask those with a `stop_patch` to stop, and delete each run that has not ended and may be deleted.

    A run that is asked to stop comes first: it could start again what is deleted. Its grace period delays no DELETE of
    the others. A run whose request is refused keeps none of the others from being stopped.

    Args:
        runs: The runs judged stale.
        context: The step.
        held: The task's Lease.
        record: The record that the runs were judged by.
        around: The objects through which a run may own another.

    Raises:
        LockLostError: The Lease was lost. No further delete was sent.
    """
    asked = [run for run in runs if run.kind.stop_patch]
    at_once = deleted_at_once(runs, around=around)
    first = {run.uid for run in (*asked, *at_once)}
    to_delete = [run for run in runs if run.uid not in first]
    sent = SentDeletes()
    agents = sent.agents

    def delete(run: AgentRun) -> Agent:
        try:
            agent = _delete(run, context=context, held=held, record=record, around=around)
        except STEP_ENDS:
            raise
        except StepError as error:
            sent.refused[run.uid] = error
            return run.as_agent(outcome=RunOutcome.STUCK, reason=f"not deleted: {error}")
        if agent.outcome is RunOutcome.STOPPING:
            sent.accepted[run.uid] = context.clock.monotonic()
        return agent

    def delete_all(chosen: Iterable[AgentRun]) -> None:
        calls = [partial(delete, run) for run in chosen]
        agents.extend(run_parallel(calls, parallel=context.settings.stop.parallel, while_waiting=held.renew_if_due))

    then = partial(delete_all, at_once)
    decisions, not_asked = request_stop(asked, context=context, held=held, record=record, around=around, then=then)
    # Pods that only name their run are asked to end when the verification begins.
    now = context.clock.monotonic()
    sent.accepted.update((run.uid, now) for run in at_once if run.kind.pod_selector and run.uid in sent.accepted)
    for last, decision in decisions.values():
        agent = entry_after_request(last, decision=decision, refusal=not_asked.get(last.uid))
        if agent is None:
            to_delete.append(last)
            continue
        agents.append(agent)
        if agent.outcome is RunOutcome.STUCK:
            sent.refused[last.uid] = not_asked[last.uid]
    delete_all(to_delete)
    return sent


def _delete(run: AgentRun, *, context: StepContext, held: HeldLease, record: Record, around: Surroundings) -> Agent:
    settings, breaker = context.settings.stop, context.clients.breakers.agents
    for pause in (*backoff(attempts=settings.attempts, first_s=settings.backoff_s, random=context.random), None):
        held.ensure_held()
        preconditions = {"uid": run.uid, "resourceVersion": run.resource_version}
        options = {"propagationPolicy": "Foreground", "preconditions": preconditions}
        try:
            reason = held.write_reason(WriteCause.STALE, run.facts.agent)
            context.clients.kube.delete(
                kind_resource(run.kind),
                namespace=run.namespace,
                name=run.name,
                options=options,
                reason=reason,
                guard=held.ensure_held,
            )
        except NotFoundError:
            breaker.succeeded()
            break
        except ConflictError:
            breaker.succeeded()
            changed = _judge_again(run, context=context, record=record, around=around)
            if isinstance(changed, Agent):
                return changed
            if pause is None:
                return run.as_agent(
                    outcome=RunOutcome.STUCK, reason=f"it changed {settings.attempts} times while being deleted"
                )
            run = changed
        except UnavailableError as error:
            if not breaker.failed() or pause is None:
                return run.as_agent(outcome=RunOutcome.STUCK, reason=f"not deleted: {error}")
            seconds = max(pause, min(error.retry_after_s or 0.0, settings.grace_s))
            wait(seconds, clock=context.clock, while_waiting=held.renew_if_due)
            # It may have started another run meanwhile.
            changed = _judge_again(run, context=context, record=record, around=around)
            if isinstance(changed, Agent):
                return changed
            run = changed
        else:
            breaker.succeeded()
            context.log.info("run deleted", run=run.name, uid=run.uid, agent=run.facts.agent)
            break
    return run.as_stopping()


def _judge_again(run: AgentRun, *, context: StepContext, record: Record, around: Surroundings) -> AgentRun | Agent:
    """Read and judge a run that changed: return the run to delete, or its final entry for the record.

    A run often changes because it has started another run, so the task's runs are listed again: those of its namespace,
    as no reference leads to another one, and a run that changes each second would have changed again.
    """
    try:
        obj = context.clients.kube.get(kind_resource(run.kind), namespace=run.namespace, name=run.name)
    except NotFoundError:
        return run.as_stopping()
    fresh = parse_run(obj, kind=run.kind, hosts=context.settings.github.hosts_of_git)
    if fresh.uid != run.uid:
        return run.as_stopping()
    decision = decide_by_record(record, fresh)
    if decision.action is RunAction.CANCEL:
        others = [each for each in task_runs(context, namespaces=[fresh.namespace]) if each.uid != fresh.uid]
        decision = decide_each([fresh, *others], record=record, around=around)[fresh.uid]
    match decision.action:
        case RunAction.CANCEL:
            return fresh
        case RunAction.AWAIT:
            return fresh.as_stopping()
        case RunAction.KEEP:
            return fresh.as_agent(
                outcome=RunOutcome.FINISHED if fresh.ended else RunOutcome.KEPT,
                reason=decision.reason,
                kept_for=decision.kept_for,
            )

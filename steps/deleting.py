"""Deleting stale runs, each under preconditions, and after it was asked to stop if it can be.

Guarantees that only the very object that was judged stale is deleted: uid and resourceVersion are preconditions, and a
run that changed since is read and judged again. No request is sent once the hold is lost. A run that is gone, or is
being deleted already, counts as told to stop; whether it really ended is for steps.proving to show.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from steps.asking import ask
from steps.backoff import backoff
from steps.decisions import Action
from steps.errors import ConflictError, NotFoundError, UnavailableError
from steps.record import Agent, Outcome
from steps.runs import judge_for, parse_run, resource
from steps.why import Cause
from steps.workers import side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.context import Context
    from steps.hold import Hold
    from steps.record import Record
    from steps.runs import Run


# Why a run that was asked ended.
ASKED = "asked to stop, and did"


def delete_all(runs: Sequence[Run], *, context: Context, hold: Hold, record: Record) -> list[Agent]:
    """Tell runs to stop: ask those whose kind has a way to be asked, then delete whatever has not ended, if it may be.

    Args:
        runs: The runs judged stale.
        context: The step.
        hold: The right to do so.
        record: What they were judged by.

    Returns:
        Each run's line for the record.

    Raises:
        LockLostError: The hold was lost; no further delete was sent.
        ForbiddenError: The Role lacks a verb.
    """
    asked = [run for run in runs if run.kind.stop_patch]
    verdicts = {run.uid: (run, judge_for(record, run)) for run in ask(asked, context=context, hold=hold, record=record)}
    agents: list[Agent] = []
    doomed = [run for run in runs if not run.kind.stop_patch]
    for run in asked:
        last, verdict = verdicts.get(run.uid, (run, None))
        if verdict is None or last.ended or verdict.action is Action.AWAIT:
            agents.append(run.as_agent(outcome=Outcome.STOPPING, reason=ASKED))
        elif verdict.action is Action.KEEP:
            agents.append(last.as_agent(outcome=Outcome.KEPT, reason=verdict.reason))
        elif run.kind.delete:
            doomed.append(last)
        else:
            agents.append(run.as_agent(outcome=Outcome.STOPPING, reason="asked to stop"))
    return agents + side_by_side(
        [partial(_delete, run, context=context, hold=hold, record=record) for run in doomed],
        parallel=context.settings.stop.parallel,
        meanwhile=hold.keep,
    )


def _delete(run: Run, *, context: Context, hold: Hold, record: Record) -> Agent:
    rules, breaker = context.settings.stop, context.breakers.agents
    namespace = context.settings.namespaces.agents
    for pause in backoff(attempts=rules.attempts, first_s=rules.backoff_s, random=context.random):
        hold.check()
        preconditions = {"uid": run.uid, "resourceVersion": run.resource_version}
        options = {"propagationPolicy": "Foreground", "preconditions": preconditions}
        try:
            why = hold.why(Cause.STALE, run.facts.agent)
            context.kube.delete(resource(run.kind), namespace=namespace, name=run.name, options=options, why=why)
        except NotFoundError:
            breaker.succeeded()
            break
        except ConflictError:
            breaker.succeeded()
            changed = _judge_again(run, context=context, record=record)
            if isinstance(changed, Agent):
                return changed
            if pause is None:
                return run.as_agent(
                    outcome=Outcome.STUCK, reason=f"it changed {rules.attempts} times while being deleted"
                )
            run = changed
        except UnavailableError as error:
            if not breaker.failed() or pause is None:
                return run.as_agent(outcome=Outcome.STUCK, reason=f"not deleted: {error}")
            context.clock.sleep(max(pause, min(error.retry_after_s or 0.0, rules.grace_s)))
        else:
            breaker.succeeded()
            context.log.info("run deleted", run=run.name, uid=run.uid, agent=run.facts.agent)
            break
    return run.as_told()


def _judge_again(run: Run, *, context: Context, record: Record) -> Run | Agent:
    """A run that changed since it was judged: the run to delete now, or what became of it."""
    try:
        obj = context.kube.get(resource(run.kind), namespace=context.settings.namespaces.agents, name=run.name)
    except NotFoundError:
        return run.as_told()
    fresh = parse_run(obj, kind=run.kind)
    if fresh.uid != run.uid:
        return run.as_told()
    verdict = judge_for(record, fresh)
    match verdict.action:
        case Action.CANCEL:
            return fresh
        case Action.AWAIT:
            return run.as_told()
        case Action.KEEP:
            return fresh.as_agent(outcome=Outcome.FINISHED if fresh.ended else Outcome.KEPT, reason=verdict.reason)

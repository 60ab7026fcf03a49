"""Stopping the stale agents of a task: intent, delete, proof, and a last look.

Guarantees that what is about to happen stands in the record before it does, and that the last look, taken after
everything known was gone, found no further stale run. Of more runs than a record holds, the rest is stopped in the next
round. Doing it twice is harmless.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from steps.decisions import FINISHED
from steps.deleting import delete_all
from steps.errors import NotProvenError
from steps.events import tell_stopping
from steps.proving import family_of, newly_stale, prove
from steps.record import Outcome
from steps.runs import judge_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from steps.context import Context
    from steps.hold import Hold
    from steps.record import Agent, Record
    from steps.runs import Judged

_ROUNDS = 3


def intend(record: Record, judged: Judged) -> Record:
    """The record with what is about to happen to each run, to be written before it does."""
    again = {agent.uid: replace(agent, outcome=Outcome.STOPPING) for agent in record.agents if agent.unproven}
    # One that was told to stop, and has ended since, may have left a pod that works on.
    kept = [agent for agent in judged.kept if agent.reason != FINISHED or agent.uid not in again]
    return _merged(record, (*again.values(), *kept, *(run.as_told() for run in judged.stale)))


def _merged(record: Record, agents: Iterable[Agent]) -> Record:
    """The record with agents added, or replaced where the uid is known."""
    known = {agent.uid: agent for agent in record.agents}
    return record.with_agents(tuple((known | {agent.uid: agent for agent in agents}).values()))


def stop(record: Record, *, judged: Judged, context: Context, hold: Hold, before: Callable[[], None]) -> Record:
    """Stop the runs judged stale, and those that an earlier attempt had begun to stop.

    Args:
        record: The ledger; must name the pull request if there is one.
        judged: The runs.
        context: The step.
        hold: The right to do so.
        before: Called once between the written intent and the first delete, if there is anything to stop.

    Returns:
        The record with every agent's outcome, none of them unproven.

    Raises:
        NotProvenError: Time was up, or stale runs kept appearing; the outcomes so far are in `hold.record`.
        LockLostError: The hold was lost.
    """
    record = intend(record, judged)
    announced = False
    for _ in range(_ROUNDS):
        if not any(agent.unproven for agent in record.agents):
            return record
        hold.write(record)
        if not announced:
            before()
            announced = True
        others = {run.uid for run in judged.stale} | {agent.uid for agent in judged.kept}
        family = family_of(record, others=others, context=context)
        written = [run for run in judged.to_cancel if run.uid in family.run_uids]
        record = _merged(record, delete_all(written, context=context, hold=hold, record=record))
        tell_stopping(written, record=record, context=context, hold=hold)
        record, runs = prove(record, family=family, context=context, hold=hold)
        if stuck := [agent for agent in record.agents if agent.unproven]:
            hold.write(record)
            raise NotProvenError("; ".join(f"{agent.name}: {agent.reason}" for agent in stuck))
        if not newly_stale(record, runs):
            return record
        judged = judge_all(runs, record=record)
        record = intend(record, judged)
    hold.write(record)
    raise NotProvenError(f"new stale runs kept appearing through {_ROUNDS} rounds: is something recreating them?")

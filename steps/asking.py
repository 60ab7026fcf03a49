"""Asking stale runs to stop, where their kind has a way to be asked, and waiting for them to do so.

Guarantees that only the very object that was judged is asked, as its resourceVersion is a precondition, and that a run
which changed meanwhile is judged again, and asked again if it is still stale: Argo writes to a Workflow whenever one of
its pods moves. No request is sent once the hold is lost. Not guaranteed: that a run does as it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.decisions import Action
from steps.errors import ConflictError, NotFoundError, TooLargeError, UnavailableError
from steps.runs import judge_for, list_runs, resource
from steps.why import Cause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steps.context import Context
    from steps.hold import Hold
    from steps.record import Record
    from steps.runs import Run


def ask(runs: Sequence[Run], *, context: Context, hold: Hold, record: Record) -> list[Run]:
    """Send each run its kind's "please stop", and give them all the grace period.

    Args:
        runs: The runs judged stale, of kinds with a `stop_patch`.
        context: The step.
        hold: The right to do so.
        record: What they were judged by.

    Returns:
        Those that are there when none is stale any more or the grace is over, as they are then.

    Raises:
        LockLostError: The hold was lost; no further request was sent.
        ForbiddenError: The Role lacks a verb.
    """
    uids = {run.uid for run in runs}
    kinds = [kind for kind in context.settings.agents if any(run.kind == kind for run in runs)]
    rules = context.settings.stop
    deadline = context.clock.monotonic() + rules.grace_s
    to_ask = list(runs)
    while uids:
        unasked = {run.uid for run in to_ask if not _told(run, context=context, hold=hold)}
        hold.keep()
        found = list_runs(kinds, kube=context.kube, namespace=context.settings.namespaces.agents, task=record.push.task)
        left = [run for run in found if run.uid in uids]
        stale = [run for run in left if judge_for(record, run).action is Action.CANCEL]
        if not stale or context.clock.monotonic() >= deadline:
            return left
        context.clock.sleep(rules.poll_s)
        to_ask = [run for run in stale if run.uid in unasked]
    return []


def _told(run: Run, *, context: Context, hold: Hold) -> bool:
    """Ask one run; whether there is no use in asking it again."""
    hold.check()
    metadata = run.kind.stop_patch.get("metadata", {}) | {"resourceVersion": run.resource_version}
    patch = run.kind.stop_patch | {"metadata": metadata}
    namespace, why = context.settings.namespaces.agents, hold.why(Cause.ASK, run.facts.agent)
    try:
        context.kube.merge(resource(run.kind), namespace=namespace, name=run.name, body=patch, why=why)
    except (NotFoundError, ConflictError, TooLargeError, UnavailableError) as error:
        context.log.warning("could not ask a run to stop", run=run.name, error=type(error).__name__)
        return not isinstance(error, (ConflictError, UnavailableError))
    return True

"""Why each agent of a task was or was not cancelled, in sentences, from the task's record.

    agent-cancellation explain TASK [--repository O/R] [--json]

Reads the Lease and the Workflows through the kubeconfig, and writes nothing.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pipelines import laptop, parsers
from pipelines.settings import read
from pipelines.standing import State
from pipelines.status import age, as_json, look
from steps.errors import Exit, StepError
from steps.record import Labels, Outcome, dump

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pipelines.standing import Standing
    from steps.record import Agent, Record

_WIDTH = 120
_BECAME = {
    Outcome.STOPPING: "was told to stop and has not been seen gone yet",
    Outcome.GONE: "was stopped; its object, Job and pods were seen to be gone",
    Outcome.FINISHED: "had ended by itself before it was stopped",
    Outcome.KEPT: "was left alone",
    Outcome.STUCK: "was told to stop and could not be proven gone",
}
_LABELS = {
    Labels.PENDING: "The labels have not been moved yet.",
    Labels.MOVED: "The labels have been moved.",
    Labels.HEAD_MOVED: "The labels were left to a newer push.",
    Labels.NO_PULL_REQUEST: "There was no open pull request, so there were no labels to move.",
    Labels.AMBIGUOUS: "Several open pull requests have this head, so no label was moved: label the right one.",
    Labels.UNREADABLE: "GitHub could not be read, so the labels stayed; reconcile moves them once it can.",
    Labels.SKIPPED: "A person's skip label is on the pull request, so nothing was cancelled and no label moved.",
}
_NEXT = {
    State.PENDING: "It waits for the task's lock.",
    State.IN_PROGRESS: "It is at work.",
    State.INTERRUPTED: "Nobody is at work on it: reconcile or the next push goes on where it stopped.",
    State.COMPLETED: "Nothing is left to do.",
    State.FAILED: "Reconcile tries again; or retry its Workflow in Argo's UI.",
    State.UNREADABLE: "A person has to look.",
}


def story(standing: Standing, *, now: datetime) -> Iterator[str]:
    """One task's cancellation, sentence by sentence."""
    record = standing.record
    if record is None:
        yield standing.note or "No push of this task has been dealt with yet."
        yield _NEXT[standing.state]
        return
    push = record.push
    yield (
        f"Push {push.sha[:12]} to {push.branch} of {push.repository} by {push.requested_by}, "
        f"{age(push.pushed_at, now=now)} ago: {standing.state} "
        f"(attempt {record.attempts}, Workflow {record.workflow})."
    )
    yield f"Agents that were started at or before {record.watermark.isoformat()} work on older code."
    if not record.agents:
        looked = record.proven_gone_at is not None
        yield "There were none." if looked else "Nobody has looked for them yet, or nothing was to be stopped."
    for agent in sorted(record.agents, key=lambda each: each.created_at):
        yield f"  - {_said(agent)}"
    pull = f"Pull request #{record.pull_request.number}: " if record.pull_request else ""
    yield pull + _LABELS[record.labels]
    yield from (f"Error: {error}" for error in record.errors)
    yield from _rest(standing, record)


def _said(agent: Agent) -> str:
    told = agent.outcome in (Outcome.KEPT, Outcome.STUCK, Outcome.STOPPING)
    why = f" ({agent.reason})" if told else ""
    who = f"{agent.name} of {agent.agent or 'an unknown agent'}, started {agent.created_at.isoformat()}"
    return f"{who}, {_BECAME[agent.outcome]}{why}"


def _rest(standing: Standing, record: Record) -> Iterator[str]:
    if standing.waiting:
        yield f"{standing.waiting} more Workflows of the task wait for its lock."
    if standing.superseded:
        yield f"{standing.superseded} were ended while they waited, since their pushes had been answered already."
    if standing.note and standing.note not in record.errors:
        yield f"Note: {standing.note}"
    yield _NEXT[standing.state]


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, and tell; returns the exit code."""
    options = parsers.explain().parse_args(arguments)
    try:
        settings, by = read(options.settings), laptop.transport()
        found = [
            each
            for each in look(settings, kube=laptop.kube(settings, by=by), task=options.task)
            if not options.repository or each.repository.casefold() == options.repository.casefold()
        ]
        now = laptop.server_time(by, timeout_s=settings.kubernetes.timeout_s)
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if not found:
        where = f" of {options.repository}" if options.repository else ""
        print(f"nothing is known of task {options.task}{where}: no push of it has come in", file=sys.stderr)
        return Exit.BUG
    if options.json:
        records = [{"record": json.loads(dump(each.record)) if each.record else None} for each in found]
        print(json.dumps([as_json(each) | more for each, more in zip(found, records, strict=True)], indent=1))
        return Exit.DONE
    console = laptop.console(width=_WIDTH)
    for number, each in enumerate(found):
        if number:
            console.print()
        for sentence in story(each, now=now):
            console.print(sentence)
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())

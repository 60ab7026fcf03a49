"""Why each agent of a task was or was not cancelled, in sentences, from the task's record.

    agent-cancellation explain TASK [--repository O/R] [--json]

Reads the Lease and the Workflows through the kubeconfig, and writes nothing.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pipelines.cli import parsers
from pipelines.cli.output import age, open_console
from pipelines.client import (
    TaskPhase,
    kube_client,
    kubeconfig_transport,
    read_task_statuses,
    server_time,
    task_status_json,
)
from pipelines.settings import read_settings
from steps.core import Exit, StepError
from steps.domain import LabelOutcome, RunOutcome, dump_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pipelines.client import TaskStatus
    from steps.domain import Agent, Record

_WIDTH = 120
_BECAME = {
    RunOutcome.STOPPING: "was told to stop and has not been seen gone yet",
    RunOutcome.GONE: "was stopped; its object, Job and pods were seen to be gone",
    RunOutcome.FINISHED: "had ended by itself before it was stopped",
    RunOutcome.KEPT: "was left alone",
    RunOutcome.STUCK: "was told to stop and could not be proven gone",
}
_LABELS = {
    LabelOutcome.PENDING: "The labels have not been moved yet.",
    LabelOutcome.MOVED: "The labels have been moved.",
    LabelOutcome.HEAD_MOVED: "The labels were left to a newer push.",
    LabelOutcome.NO_PULL_REQUEST: "There was no open pull request, so there were no labels to move.",
    LabelOutcome.AMBIGUOUS: "Several open pull requests have this head, so no label was moved: label the right one.",
    LabelOutcome.UNREADABLE: "GitHub could not be read, so the labels stayed; reconcile moves them once it can.",
    LabelOutcome.SKIPPED: "A person's skip label is on the pull request, so nothing was cancelled and no label moved.",
}
_NEXT = {
    TaskPhase.PENDING: "It waits for the task's lock.",
    TaskPhase.IN_PROGRESS: "It is at work.",
    TaskPhase.INTERRUPTED: "Nobody is at work on it: reconcile or the next push goes on where it stopped.",
    TaskPhase.COMPLETED: "Nothing is left to do.",
    TaskPhase.FAILED: "Reconcile tries again; or retry its Workflow in Argo's UI.",
    TaskPhase.UNREADABLE: "A person has to look.",
}


def story(status: TaskStatus, *, now: datetime) -> Iterator[str]:
    """One task's cancellation, sentence by sentence."""
    record = status.record
    if record is None:
        yield status.note or "No push of this task has been dealt with yet."
        yield _NEXT[status.state]
        return
    push = record.push
    yield (
        f"Push {push.sha[:12]} to {push.branch} of {push.repository} by {push.requested_by}, "
        f"{age(push.pushed_at, now=now)} ago: {status.state} "
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
    yield from _rest(status, record)


def _said(agent: Agent) -> str:
    told = agent.outcome in (RunOutcome.KEPT, RunOutcome.STUCK, RunOutcome.STOPPING)
    reason = f" ({agent.reason})" if told else ""
    who = f"{agent.name} of {agent.agent or 'an unknown agent'}, started {agent.created_at.isoformat()}"
    return f"{who}, {_BECAME[agent.outcome]}{reason}"


def _rest(status: TaskStatus, record: Record) -> Iterator[str]:
    if status.waiting:
        yield f"{status.waiting} more Workflows of the task wait for its lock."
    if status.superseded:
        yield f"{status.superseded} were ended while they waited, since their pushes had been answered already."
    if status.note and status.note not in record.errors:
        yield f"Note: {status.note}"
    yield _NEXT[status.state]


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, and tell; returns the exit code."""
    options = parsers.explain().parse_args(arguments)
    try:
        settings, by = read_settings(options.settings), kubeconfig_transport()
        found = [
            each
            for each in read_task_statuses(settings, kube=kube_client(settings, by=by), task=options.task)
            if not options.repository or each.repository.casefold() == options.repository.casefold()
        ]
        now = server_time(by, timeout_s=settings.kubernetes.timeout_s)
    except StepError as error:
        print(error, file=sys.stderr)
        return error.exit
    if not found:
        where = f" of {options.repository}" if options.repository else ""
        print(f"nothing is known of task {options.task}{where}: no push of it has come in", file=sys.stderr)
        return Exit.BUG
    if options.json:
        records = [{"record": json.loads(dump_record(each.record)) if each.record else None} for each in found]
        print(json.dumps([task_status_json(each) | more for each, more in zip(found, records, strict=True)], indent=1))
        return Exit.DONE
    console = open_console(width=_WIDTH)
    for number, each in enumerate(found):
        if number:
            console.print()
        for sentence in story(each, now=now):
            console.print(sentence)
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())

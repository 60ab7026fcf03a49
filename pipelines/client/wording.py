"""One text for each outcome of an agent run and of the labels, for every command that shows a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import LabelOutcome, RunOutcome

if TYPE_CHECKING:
    from steps.domain import Agent, Record

OUTCOME_TEXT = {
    RunOutcome.STOPPING: "was asked to stop; not yet proven gone",
    RunOutcome.GONE: "was stopped; its object, Job and pods are proven gone",
    RunOutcome.FINISHED: "had finished before it was stopped",
    RunOutcome.KEPT: "was kept",
    RunOutcome.STUCK: "was asked to stop; could not be proven gone",
}
LABEL_TEXT = {
    LabelOutcome.PENDING: "labels not moved yet",
    LabelOutcome.MOVED: "labels moved",
    LabelOutcome.HEAD_MOVED: "labels left to a newer push",
    LabelOutcome.NO_PULL_REQUEST: "no open pull request, so no labels to move",
    LabelOutcome.AMBIGUOUS: "several open pull requests have this head, so no label moved; label the right one",
    LabelOutcome.UNREADABLE: "GitHub could not be read, so no label moved; reconcile moves them later",
    LabelOutcome.SKIPPED: "skip label set, so nothing was cancelled and no label moved",
}
# Outcomes that a person should notice in a table.
_NOTABLE = {LabelOutcome.HEAD_MOVED, LabelOutcome.AMBIGUOUS, LabelOutcome.UNREADABLE, LabelOutcome.SKIPPED}
# Outcomes whose reason says more than the outcome.
_WITH_REASON = {RunOutcome.KEPT, RunOutcome.STUCK, RunOutcome.STOPPING}


def describe_labels(record: Record) -> str:
    """Say what happened to the labels."""
    text = LABEL_TEXT[record.labels]
    left = record.labels is LabelOutcome.HEAD_MOVED and record.left_to
    return f"{text} ({record.left_to[:12]})" if left else text


def label_note(record: Record) -> str:
    """Say what happened to the labels if a person should notice it; else return an empty text."""
    return describe_labels(record) if record.labels in _NOTABLE else ""


def describe_run(agent: Agent) -> str:
    """Say what happened to one agent run."""
    reason = f" ({agent.reason})" if agent.outcome in _WITH_REASON else ""
    name = f"{agent.name} of {agent.agent or 'an unknown agent'}, started {agent.created_at.isoformat()}"
    return f"{name}, {OUTCOME_TEXT[agent.outcome]}{reason}"

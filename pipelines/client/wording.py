"""Ages, counts, and sentences about an agent run and about the labels, for every command that shows a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import LABEL_TEXT, OUTCOME_TEXT, LabelOutcome, RunOutcome

if TYPE_CHECKING:
    from datetime import datetime

    from steps.domain import Agent, Record

# Outcomes that a person should notice in a table.
_NOTABLE = {LabelOutcome.HEAD_MOVED, LabelOutcome.AMBIGUOUS, LabelOutcome.UNREADABLE, LabelOutcome.SKIPPED}
# Outcomes whose reason says more than the outcome.
_WITH_REASON = {RunOutcome.FINISHED, RunOutcome.KEPT, RunOutcome.STUCK, RunOutcome.STOPPING}


def age(since: datetime | None, *, now: datetime) -> str:
    """Format an age in one unit, as kubectl does."""
    seconds = int(max((now - since).total_seconds(), 0)) if since else 0
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s" if since else ""


def counted(count: int, one: str) -> str:
    """Say a number of things, in the singular or the plural."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def describe_labels(record: Record) -> str:
    """Say what happened to the labels."""
    text = LABEL_TEXT[record.labels]
    left = record.labels is LabelOutcome.HEAD_MOVED and record.left_to
    return f"{text} ({record.left_to[:12]})" if left else text


def label_note(record: Record) -> str:
    """Say what happened to the labels if a person should notice it; else return an empty text."""
    return describe_labels(record) if record.labels in _NOTABLE else ""


def describe_run(agent: Agent, *, name: str, now: datetime) -> str:
    """Say what happened to one agent run, by the name to show for it."""
    reason = f" ({agent.reason})" if agent.outcome in _WITH_REASON else ""
    run = f"{name} of {agent.agent or 'an unknown agent'}, started {age(agent.created_at, now=now)} ago"
    return f"{run}, {OUTCOME_TEXT[agent.outcome]}{reason}"

"""What a cancellation came to, in a few lines of text: an output of its Workflow, for Argo's UI and for `submit`. Pure.

Guarantees that it stays small, since Argo keeps outputs in the Workflow itself, that it is printable text, and that
nothing in it reads like a template of Argo's. The record says more, and is what counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import LabelOutcome, RunOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steps.agents import RunDecisions
    from steps.domain import Agent, Push, Record

_MAX_AGENTS, _MAX_LINE = 20, 160
_LABELS = {
    LabelOutcome.PENDING: "labels not moved",
    LabelOutcome.MOVED: "labels moved",
    LabelOutcome.HEAD_MOVED: "labels left to a newer push",
    LabelOutcome.NO_PULL_REQUEST: "no open pull request",
    LabelOutcome.AMBIGUOUS: "several open pull requests: labels left alone",
    LabelOutcome.UNREADABLE: "GitHub could not be read: labels left alone",
    LabelOutcome.SKIPPED: "skip label is set: nothing is cancelled",
}


def completed_report(record: Record) -> str:
    """What was done."""
    stopped = [agent for agent in record.agents if agent.outcome is not RunOutcome.KEPT]
    kept = [agent for agent in record.agents if agent.outcome is RunOutcome.KEPT]
    head = f"{_about(record.push)}: {len(stopped)} stopped, {len(kept)} left alone; {_LABELS[record.labels]}"
    return _text(head, [("stopped", agent, agent.reason) for agent in stopped], _left_alone(kept))


def preview_report(push: Push, *, labels: LabelOutcome, judged: RunDecisions) -> str:
    """What would be done.

    Args:
        push: The push that would be answered.
        labels: What would become of the labels; `pending` if they would be moved.
        judged: The runs.
    """
    stale = [run.as_agent(outcome=RunOutcome.STOPPING, reason="") for run in judged.stale]
    moved = "labels would be moved" if labels is LabelOutcome.PENDING else _LABELS[labels]
    head = f"{_about(push)}: {len(stale)} would be stopped, {len(judged.kept)} left alone; {moved}; nothing was done"
    return _text(head, [("would be stopped", agent, "") for agent in stale], _left_alone(judged.kept))


def nothing_to_do_report(reason: str) -> str:
    """That there was nothing to do, and why."""
    return _line(f"nothing to do: {reason}")


def _about(push: Push) -> str:
    return f"push {push.sha[:12]} to {push.branch}"


def _left_alone(kept: Iterable[Agent]) -> list[tuple[str, Agent, str]]:
    return [("left alone", agent, agent.reason) for agent in kept]


def _text(head: str, *groups: Sequence[tuple[str, Agent, str]]) -> str:
    lines = [_line(head)]
    agents = [each for group in groups for each in sorted(group, key=lambda told: told[1].created_at)]
    for what, agent, reason in agents[:_MAX_AGENTS]:
        note = f": {reason}" if reason else ""
        lines.append(_line(f"  {what}  {agent.kind}/{agent.name} of {agent.agent or 'an unknown agent'}{note}"))
    if len(agents) > _MAX_AGENTS:
        lines.append(f"  and {len(agents) - _MAX_AGENTS} more, which are in the record")
    return "\n".join(lines)


def _line(text: str) -> str:
    """One line, printable, in which Argo finds no template."""
    shown = "".join(each if each.isprintable() else "?" for each in text)
    shown = shown.replace("{", "(").replace("}", ")")
    return shown if len(shown) <= _MAX_LINE else f"{shown[: _MAX_LINE - 3]}..."

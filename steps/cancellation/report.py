"""The Workflow's report: a few lines of text about one cancellation, for Argo's UI and for `submit`. Pure.

Guarantees that the report is small, because Argo keeps outputs in the Workflow itself. It is printable text, and Argo
finds no template in it. The record has all details; no code reads the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import LABEL_TEXT, LabelOutcome, RunOutcome, shown_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from steps.agents import RunDecisions
    from steps.domain import Agent, Push, Record

SUPERSEDED = "this push or a newer one is finished"
INCLUDE_NEWER_HINT = "; submit --include-newer also stops what began since"
_MAX_AGENTS, _MAX_LINE = 20, 160


def completed_report(record: Record) -> str:
    """Describe a completed cancellation."""
    stopped = [agent for agent in record.agents if agent.outcome is not RunOutcome.KEPT]
    kept = [agent for agent in record.agents if agent.outcome is RunOutcome.KEPT]
    head = f"{record.push.title}: {len(stopped)} stopped, {len(kept)} kept; {LABEL_TEXT[record.labels]}"
    helper = [f"  by the pod of {record.helper}"] if record.helper else []
    return _text(head, helper, [("stopped", agent, agent.reason) for agent in stopped], _kept_lines(kept))


def preview_report(push: Push, *, labels: LabelOutcome, judged: RunDecisions) -> str:
    """Describe what a dry run would do.

    Args:
        push: The push to process.
        labels: The labels' outcome; `pending` if they would be moved.
        judged: The decisions about the task's runs.
    """
    stale = [run.as_agent(outcome=RunOutcome.STOPPING, reason="") for run in judged.stale]
    moved = "labels would be moved" if labels is LabelOutcome.PENDING else LABEL_TEXT[labels]
    head = f"{push.title}: {len(stale)} would be stopped, {len(judged.kept)} kept; {moved}; nothing was done"
    return _text(head, [], [("would be stopped", agent, "") for agent in stale], _kept_lines(judged.kept))


def nothing_to_do_report(reason: str) -> str:
    """Say that there was nothing to do, and why."""
    return report_line(f"nothing to do: {reason}")


def _kept_lines(kept: Iterable[Agent]) -> list[tuple[str, Agent, str]]:
    return [("kept", agent, agent.reason) for agent in kept]


def _text(head: str, notes: Iterable[str], *groups: Sequence[tuple[str, Agent, str]]) -> str:
    lines = [report_line(head), *map(report_line, notes)]
    agents = [each for group in groups for each in sorted(group, key=lambda line: line[1].created_at)]
    names = shown_names([agent for _, agent, _ in agents])
    for what, agent, reason in agents[:_MAX_AGENTS]:
        note = f": {reason}" if reason else ""
        lines.append(
            report_line(f"  {what}  {agent.kind}/{names[agent.uid]} of {agent.agent or 'an unknown agent'}{note}")
        )
    if len(agents) > _MAX_AGENTS:
        lines.append(f"  and {len(agents) - _MAX_AGENTS} more: see the record")
    return "\n".join(lines)


def report_line(text: str) -> str:
    """Make one printable line in which Argo finds no template."""
    shown = "".join(each if each.isprintable() else "?" for each in text)
    shown = shown.replace("{", "(").replace("}", ")")
    return shown if len(shown) <= _MAX_LINE else f"{shown[: _MAX_LINE - 3]}..."

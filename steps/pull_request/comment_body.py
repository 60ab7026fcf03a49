"""The text of the comment on the pull request: stopped runs, kept runs, labels, and the push. Pure.

Guarantees that no text from outside acts as markup, as a mention or as a link: the template puts every value into a
code span, except `SafeMarkdown`, which only this module makes. Imported only to write a comment, because a push without
one must not pay for importing Jinja2 (docs/decisions/0011).
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2

from steps.domain import LABEL_TEXT, OUTCOME_TEXT, LabelOutcome, Phase, RunOutcome, shown_names
from steps.lease import lease_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from steps.domain import Agent, Push, Record
    from steps.settings import StepSettings

_MAX_TEXT = 100
_SHA = re.compile(r"[0-9a-f]{40}")


class SafeMarkdown(str):
    """Text that this module made. The template prints it unchanged."""

    __slots__ = ()


def comment_marker(push: Push) -> SafeMarkdown:
    """The first line of a task's comment. It identifies the comment; GitHub does not show it."""
    return SafeMarkdown(f"<!-- agent-cancellation task={push.task} -->")


def comment_text(record: Record, *, settings: StepSettings) -> str:
    """Write the comment of a cancellation that has ended.

    Args:
        record: The record, before it is written.
        settings: The labels, the namespace and Argo's address.
    """
    home = settings.namespaces.workflows
    lease = lease_name(repository=record.push.repository, task=record.push.task)
    acted = [agent for agent in record.agents if agent.outcome is not RunOutcome.KEPT]
    kept = [agent for agent in record.agents if agent.outcome is RunOutcome.KEPT]
    names = shown_names(record.agents)
    return _template().render(
        marker=comment_marker(record.push),
        record=record,
        failed=record.phase is Phase.FAILED,
        moved=record.labels is LabelOutcome.MOVED,
        sha=_commit(record.push.sha),
        cause=_cause(record.push),
        label_outcome=_sentence_start(LABEL_TEXT[record.labels]),
        left_to=_commit(record.left_to) if record.labels is LabelOutcome.HEAD_MOVED else "",
        acted=list(_described(acted, names=names)),
        kept=list(_described(kept, names=names)),
        took=_span(record.proven_gone_at - record.started_at) if record.proven_gone_at else None,
        labels=settings.labels,
        workflow=_workflow(record.workflow, home=home, ui=settings.comment.argo_url),
        helper=_workflow(record.helper or "", home=home, ui=settings.comment.argo_url),
        command=SafeMarkdown(f"kubectl -n {home} get lease {lease} -o yaml"),
    )


@cache  # A pod that helps writes many comments; to compile the template takes longer than all requests of one.
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown: `finalize` escapes what autoescape would not
        finalize=_printed,
    )
    environment.filters["plural"] = _plural
    return environment.get_template("comment.md.j2")


def _printed(value: object) -> object:
    """Print a value of the template; put it into a code span unless this module made it."""
    return value if isinstance(value, (int, SafeMarkdown)) else _code(str(value))


def _code(value: str) -> SafeMarkdown:
    """Put a value into a code span, where GitHub ignores markup and mentions. Makes it one short line."""
    shown = "".join(each if each.isprintable() else "?" for each in " ".join(value.split())).replace("`", "'")
    if len(shown) > _MAX_TEXT:
        shown = shown[: _MAX_TEXT - 3] + "..."
    return SafeMarkdown(f"`{shown.strip() or '?'}`")


def _commit(sha: str) -> SafeMarkdown:
    """A commit. GitHub turns it into a link."""
    return SafeMarkdown(sha[:12]) if _SHA.fullmatch(sha) else _code(sha)


def _cause(push: Push) -> SafeMarkdown:
    if not push.ends:
        return SafeMarkdown(f"push {_commit(push.sha)}")
    what, _, branch = push.title.rpartition(" ")
    return SafeMarkdown(f"{what} {_code(branch)}")


def _plural(count: int, one: str) -> SafeMarkdown:
    return SafeMarkdown(f"{count} {one}" if count == 1 else f"{count} {one}s")


def _sentence_start(text: str) -> SafeMarkdown:
    return SafeMarkdown(text[:1].upper() + text[1:])


def _described(agents: Iterable[Agent], *, names: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    for agent in sorted(agents, key=lambda each: each.created_at):
        outcome = SafeMarkdown(OUTCOME_TEXT[agent.outcome])
        yield {"name": names[agent.uid], "agent": agent.agent, "outcome": outcome, "reason": agent.reason}


def _span(lasted: timedelta) -> SafeMarkdown:
    if lasted < timedelta(seconds=1):
        return SafeMarkdown("less than a second")
    minutes, seconds = divmod(round(lasted.total_seconds()), 60)
    return SafeMarkdown(f"{minutes} min {seconds} s" if minutes else f"{seconds} s")


def _workflow(name: str, *, home: str, ui: str) -> SafeMarkdown:
    """The Workflow's name, as a link if `comment.argo_url` is set."""
    shown = _code(name)
    return SafeMarkdown(f"[{shown}]({ui.rstrip('/')}/workflows/{home}/{quote(name, safe='')})") if ui else shown

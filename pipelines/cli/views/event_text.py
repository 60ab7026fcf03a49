"""A preview in sentences: the event, its task, and its runs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.domain import Repository, task_id
from steps.lease import lease_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.preview import EventPreview, TaskPreview
    from pipelines.settings import Settings


def describe_event(preview: EventPreview, *, settings: Settings) -> Iterator[str]:
    """Describe what the Sensor does with an event, and which task it belongs to."""
    if preview.event:
        yield f"The Sensor creates a Workflow: the event counts as {preview.event} (events.react_to)."
    if preview.ignored:
        yield f"Its step does nothing: the policy of {preview.repository} leaves out {preview.event} ([[policies]])."
    for each in preview.dropped_by:
        decides = f"{each.setting} does not allow it" if each.setting else "the Sensor does not take it"
        yield f"The Sensor drops the event: {each.path} is {each.value}; {decides}."
    if preview.is_comment:
        yield "A comment names no branch: its step reads the pull request, and who may command, from GitHub."
        return
    match = preview.match
    if match is None:
        yield f"{preview.ref or 'The event'} belongs to no task: no pattern of [[tasks]] matches it."
        return
    pattern = settings.tasks[match.pattern]
    yield f"Pattern {match.pattern + 1} of [[tasks]] matches {preview.ref}: {pattern.branch}"
    if match.problem:
        yield f"The steps refuse it: {match.problem}."
        return
    task = task_id(match.text)
    spelled = "" if match.text == task else f" (for {match.text})"
    yield f"Task {task}{spelled} of {preview.repository}."
    yield f"Its Lease is {lease_name(repository=Repository(preview.repository), task=task)}."
    if label := settings.for_repository(preview.repository).labels.of_task(task):
        yield f"Its pull request may have the label {label}."


def describe_runs(preview: TaskPreview, *, dropped: bool) -> Iterator[str]:
    """Describe the runs of the task.

    Args:
        preview: The runs.
        dropped: Whether the Sensor drops the event that was asked about.
    """
    push = "A push that the Sensor does not drop" if dropped else "A push now"
    if not preview.runs:
        yield f"No run of the task exists: {push[0].lower()}{push[1:]} would stop nothing."
        return
    yield f"{push} would"
    for run in preview.runs:
        what = "stop" if run.stopped else "keep"
        yield f"  - {what} {run.kind}/{run.name} of {run.agent or 'an unknown agent'}: {run.reason}"
    if preview.unread:
        yield f"What the runs own is not known, so one to be stopped may be kept for it: {preview.unread}"

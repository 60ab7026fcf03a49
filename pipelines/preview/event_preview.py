"""Whether the Sensor creates a Workflow for an event, and which filter drops it otherwise. Pure.

Guarantees that the filters are the rendered ones, matched as RE2. A person may have changed the Sensor in the cluster:
`doctor` compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import re2

from pipelines.manifests import sensor_events
from pipelines.preview.payload import sensor_input
from steps.domain import HEADS, TaskMatch, match_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.manifests import SensorEvent
    from pipelines.settings import Settings

_MAX_SHOWN = 80
# The setting that decides about a field.
_SETTINGS = {
    "body.repository.full_name": "events.repositories",
    "body.sender.login": "events.senders",
    "body.sender.type": "events.senders",
    "body.ref": "[[tasks]]",
    "body.pull_request.head.ref": "[[tasks]]",
    "body.action": "events.react_to",
    "body.deleted": "events.react_to",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilteredOut:
    """A filter that drops the event.

    Attributes:
        event: The kind of event of the filter, as in `events.react_to`.
        path: The field.
        value: Its value, as text; "missing" if the event does not have it.
        setting: The setting that decides; empty if it is none.
    """

    event: str
    path: str
    value: str
    setting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPreview:
    """What the Sensor does with an event.

    Attributes:
        event: The kind of event that passes; empty if none does.
        dropped_by: If none passes: the filters that drop it, of the kind of event that comes closest.
        repository: As in the event.
        ref: The ref, with refs/heads/; empty if the event has none.
        match: The task of the branch; None if no pattern matches.
        ignored: Whether the event passes, but the policy of the repository leaves it out (`react_to` in [[policies]]).
        is_comment: Whether it is a comment. It names no branch: its step reads that from GitHub.
    """

    event: str
    dropped_by: tuple[FilteredOut, ...]
    repository: str
    ref: str
    match: TaskMatch | None
    ignored: bool = False
    is_comment: bool = False


def preview_event(payload: dict[str, Any], *, settings: Settings) -> EventPreview:
    """Preview an event.

    Args:
        payload: The webhook's payload.
        settings: The settings that the Sensor is rendered from.
    """
    kind = "pull_request" if "pull_request" in payload else "issue_comment" if "comment" in payload else "push"
    seen = sensor_input(payload, event=kind)
    results = [(event.name, tuple(_dropped_by(event, seen))) for event in sensor_events(settings)]
    passed = next((name for name, dropped in results if not dropped), "")
    ref = _field(seen, "body.ref")
    if kind == "pull_request":
        ref = HEADS + str(_field(seen, "body.pull_request.head.ref"))
    repository = str(_field(seen, "body.repository.full_name") or "")
    return EventPreview(
        event=passed,
        ignored=bool(passed) and settings.ignores(passed, repository=repository),
        dropped_by=() if passed else min((dropped for _, dropped in results), key=len),
        is_comment=kind == "issue_comment",
        repository=repository,
        ref=str(ref or ""),
        match=match_task(str(ref or ""), patterns=settings.tasks),
    )


def _dropped_by(event: SensorEvent, seen: dict[str, Any]) -> Iterator[FilteredOut]:
    paths: set[str] = set()
    for each in event.filters:
        value = _field(seen, each["path"])
        if each["path"] not in paths and not _passes(value, kind=each["type"], allowed=each["value"]):
            paths.add(each["path"])
            yield _filtered_out(event, each["path"], value)
    for each in event.exprs:
        values = [_field(seen, field["path"]) for field in each["fields"]]
        path = each["fields"][0]["path"]
        if path not in paths and not _holds(each["expr"], values):
            paths.add(path)
            yield _filtered_out(event, path, values[0])


def _filtered_out(event: SensorEvent, path: str, value: object) -> FilteredOut:
    shown = "missing" if value is None else ascii(value)[:_MAX_SHOWN]
    return FilteredOut(event=event.name, path=path, value=shown, setting=_SETTINGS.get(path, ""))


def _passes(value: object, *, kind: str, allowed: list[str]) -> bool:
    if kind == "bool":
        return isinstance(value, bool) and str(value).lower() in allowed
    return isinstance(value, str) and any(re2.search(pattern, value) for pattern in allowed)


def _holds(expression: str, values: list[object]) -> bool:
    if len(values) == 2:  # noqa: PLR2004 - the equality of two fields
        return values[0] is not None and values[0] == values[1]
    _, operator, bound = expression.split()
    value = values[0]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value >= int(bound) if operator == ">=" else value <= int(bound)


def _field(document: object, path: str) -> Any:  # noqa: ANN401 - any JSON
    for key in path.split("."):
        if isinstance(document, list) and key.isdecimal():
            document = document[int(key)] if int(key) < len(document) else None
        else:
            document = document.get(key) if isinstance(document, dict) else None
    return document

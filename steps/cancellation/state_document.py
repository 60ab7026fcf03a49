"""Reads a task's state document: the task that it belongs to, and the fields about a cancellation. Writes it, too.

Guarantees that a document that is not a JSON object is reported as corrupt and causes no error, and that what is parsed
and written again keeps the exact text of its numbers and strings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from steps.core import parse_optional_time
from steps.domain import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.kube import Json
    from steps.settings import StateSettings

IN_PROGRESS_FLAG = "cancellation_in_progress"
# A single key bounds the copies: it has the latest corrupt document.
QUARANTINE = ".quarantine"
_MARK = f"number {uuid4()}: "


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDocument:
    """A task's state document.

    Attributes:
        flag: Whether it says that a cancellation is in progress.
        corrupt: Whether it is not a JSON object.
        quarantined: Whether its text is already in the quarantine key.
        updated_at: Time of its last update; None if it does not have a valid one.
    """

    name: str
    task: str
    flag: bool
    corrupt: bool
    quarantined: bool
    updated_at: datetime | None


def state_document_task(name: str, *, settings: StateSettings) -> str:
    """Return the task of a state ConfigMap by its name; an empty text for another ConfigMap."""
    before, _, after = settings.config_map.partition("{task}")
    match = re.fullmatch(f"{re.escape(before)}({ID_PATTERN}){re.escape(after)}", name)
    return match.group(1) if match else ""


def read_state_document(name: str, *, task: str, data: Mapping[str, str], key: str) -> StateDocument:
    """Read the fields about a cancellation from the data of a state ConfigMap."""
    text = data[key]
    found = parse_json_object(text)
    values = found or {}
    return StateDocument(
        name=name,
        task=task,
        flag=bool(values.get(IN_PROGRESS_FLAG)),
        corrupt=found is None,
        quarantined=data.get(f"{key}{QUARANTINE}") == text,
        updated_at=parse_optional_time(values.get("last_update")),
    )


class _Number(str):
    """A number as a document spells it, after a mark that no document can have. A float would change its digits."""

    __slots__ = ()

    def __bool__(self) -> bool:
        """Whether it is another number than 0."""
        return float(self.removeprefix(_MARK)) != 0


def _number(text: str) -> _Number:
    return _Number(_MARK + text)


def _no_number(text: str) -> None:
    """Refuse NaN and Infinity, which Python reads and other programs do not."""
    raise ValueError(f"{text} is not JSON")


def parse_json_object(text: str) -> Json | None:
    """Parse a JSON object; None if the text is not one, or is nested too deeply. `dump_json_object` writes it."""
    try:
        found = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def dump_json_object(document: Json) -> str:
    """Write a JSON object. Numbers are spelled as they were read, and half of a surrogate pair stays escaped."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    text = re.sub(f'"{_MARK}([^"]*)"', r"\1", text)
    return re.sub(r"[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)

"""A task's state document as it is read: which task it belongs to, and what it says of a cancellation.

Guarantees: a document that is not a JSON object is reported as corrupt, and fails nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.core import parse_optional_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.kube import Json
    from steps.settings import StateSettings

IN_PROGRESS_FLAG = "cancellation_in_progress"
# One key, so that copies are bounded: the latest corrupt document.
QUARANTINE = ".quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDocument:
    """A task's state document.

    Attributes:
        corrupt: It is not a JSON object.
        aside: What stands in it was copied aside already.
    """

    name: str
    task: str
    flag: bool
    corrupt: bool
    aside: bool
    updated_at: datetime | None


def state_document_task(name: str, *, settings: StateSettings) -> str:
    """The task of a state ConfigMap by its name; empty if it is none."""
    before, _, after = settings.config_map.partition("{task}")
    match = re.fullmatch(f"{re.escape(before)}([1-9][0-9]{{0,8}}){re.escape(after)}", name)
    return match.group(1) if match else ""


def read_state_document(name: str, *, task: str, data: Mapping[str, str], key: str) -> StateDocument:
    """Read what a state ConfigMap says of a cancellation."""
    text = data[key]
    found = parse_json_object(text)
    values = found or {}
    return StateDocument(
        name=name,
        task=task,
        flag=bool(values.get(IN_PROGRESS_FLAG)),
        corrupt=found is None,
        aside=data.get(f"{key}{QUARANTINE}") == text,
        updated_at=parse_optional_time(values.get("last_update")),
    )


def parse_json_object(text: str) -> Json | None:
    """A JSON object; None if the text is none, or is nested deeper than anybody could read."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

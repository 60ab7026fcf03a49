"""A task's state document as reconcile reads it: which task it is of, and what it says of a cancellation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - part of a public dataclass
from typing import TYPE_CHECKING

from steps.clock import moment
from steps.state import FLAG, QUARANTINE, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.rules import StateRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
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


def task_of(name: str, *, rules: StateRules) -> str:
    """The task of a state ConfigMap by its name; empty if it is none."""
    before, _, after = rules.config_map.partition("{task}")
    match = re.fullmatch(f"{re.escape(before)}([1-9][0-9]{{0,8}}){re.escape(after)}", name, re.ASCII)
    return match.group(1) if match else ""


def read_document(name: str, *, task: str, data: Mapping[str, str], key: str) -> Document:
    """Read what a state ConfigMap says of a cancellation."""
    text = data[key]
    found = read_object(text)
    values = found or {}
    return Document(
        name=name,
        task=task,
        flag=bool(values.get(FLAG)),
        corrupt=found is None,
        aside=data.get(f"{key}{QUARANTINE}") == text,
        updated_at=moment(values.get("last_update")),
    )

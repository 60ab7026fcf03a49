"""The kinds of agents that `init` knows: the presets, and the `[[agents]]` table that it writes for one.

Guarantees that only this module decides how a kind is written. Not guaranteed: that the paths fit every platform; a
person reads the table.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from pipelines.settings import PRESET, preset_names, read_preset
from steps.settings import RunKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_KIND = "code-run"
# Served by every cluster that has Argo, so they say nothing about its agents.
_EVERYWHERE = {"", "apps", "batch", "argoproj.io"}
_AGENTS = {"cancellable", "exempt"}
# Usual paths, for a question.
SUGGESTED = {
    "task": "metadata.labels.task-id",
    "repository": "metadata.annotations.repository",
    "agent": "metadata.labels.agent",
    "sha": "metadata.annotations.commit",
}


def known_kinds() -> dict[str, dict[str, Any]]:
    """Return the keys of each known kind, by its name."""
    return {name: read_preset(name) for name in preset_names()}


def telling_kinds() -> dict[str, dict[str, Any]]:
    """Return the kinds that a cluster has only if agents run as such."""
    return {name: keys for name, keys in known_kinds().items() if keys["group"] not in _EVERYWHERE}


def open_keys(kind: str) -> tuple[str, ...]:
    """List the keys that a kind's preset cannot know, without the agents' names."""
    needed = (field.name for field in fields(RunKind) if field.default is MISSING)
    return tuple(name for name in needed if name not in read_preset(kind) and name not in _AGENTS)


def agent_table(
    kind: str, *, cancellable: Sequence[str], exempt: Sequence[str], paths: Mapping[str, str]
) -> dict[str, Any]:
    """Return the keys of the `[[agents]]` table that the settings file gets."""
    return {PRESET: kind, **paths, "cancellable": list(cancellable), "exempt": list(exempt)}

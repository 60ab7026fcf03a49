"""The settings file that `init` writes: what every installation decides, with comments.

Guarantees that namespaces and branches are written also where they are the defaults: a new user has to see them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pipelines.settings import default_values
from pipelines.settings_docs import refresh_comments
from pipelines.starter.kinds import agent_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipelines.starter.answers import Answers

_INTRODUCTION = """\
# Settings of agent-cancellation. Every key that is not here has a default:
# `agent-cancellation render --explain` lists them all, `render --explain stop.grace_s` explains one.
# After a change, run `agent-cancellation render` and commit. Credentials are never settings.
"""


def settings_text(answers: Answers) -> str:
    """Write the settings file."""
    agents = list(answers.agents) if len(answers.agents) > 1 else answers.agents[0]
    tables: dict[str, dict[str, Any]] = {
        "events": {"repositories": list(answers.repositories), "senders": list(answers.senders)},
        "image": {"name": answers.image},
        "namespaces": {"workflows": answers.workflows, "agents": agents, "events": answers.events},
    }
    if source := answers.event_source:
        tables["events"] |= {"event_source": source.name, "event_name": source.event, "render_event_source": False}
        if source.webhook_secret:
            tables["events"]["webhook_secret"] = source.webhook_secret
    if answers.own_source:
        tables["events"]["event_source"] = answers.own_source
    if answers.event_bus not in {"", default_values()["events"]["event_bus"]}:
        tables["events"]["event_bus"] = answers.event_bus
    text = "".join(_table(f"[{name}]", keys) for name, keys in tables.items())
    text += "".join(_table("[[tasks]]", keys) for keys in _tasks(answers))
    table = agent_table(answers.kind, cancellable=answers.cancellable, exempt=answers.exempt, paths=dict(answers.paths))
    return refresh_comments(f"{_INTRODUCTION}{text}{_table('[[agents]]', table)}")


def _tasks(answers: Answers) -> list[dict[str, Any]]:
    """Return the tables that say which branches are tasks."""
    if not answers.branch:
        return list(default_values()["tasks"])
    return [{"branch": answers.branch, "examples": list(answers.examples)}]


def _table(heading: str, keys: Mapping[str, Any]) -> str:
    return f"\n{heading}\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())


def _toml(value: Any) -> str:  # noqa: ANN401 - TOML is any value
    """Write a value: a pattern in single quotes, so that nothing in it is escaped."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str) and "\\" in value and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)

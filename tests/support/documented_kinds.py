"""The kinds of runs that docs/adding-an-agent-kind.md shows, as read from there: what people copy is what is tested."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import TypeAdapter

from steps.settings.agent_kinds import RunKind

_PAGE = Path(__file__).parents[2] / "docs" / "adding-an-agent-kind.md"
# Tables of settings.toml.
TABLES: tuple[str, ...] = tuple(re.findall(r"```toml\n(.*?)```", _PAGE.read_text(), re.DOTALL))
JOB, WORKFLOW, PIPELINE_RUN = (
    TypeAdapter(RunKind).validate_python(tomllib.loads(table)["agents"][0]) for table in TABLES
)

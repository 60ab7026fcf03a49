"""The kinds of runs that docs/adding-an-agent-kind.md shows, as read from there: what people copy is what is tested."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import TypeAdapter

from pipelines.settings.kind_presets import expand_presets
from steps.settings.agent_kinds import RunKind

_PAGE = (Path(__file__).parents[2] / "docs" / "adding-an-agent-kind.md").read_text()
# The section of each preset.
SECTIONS: dict[str, str] = dict(re.findall(r"^## ([a-z-]+)\n(.*?)(?=^## )", _PAGE, re.MULTILINE | re.DOTALL))
# Tables of settings.toml, by preset.
TABLES: dict[str, str] = {
    name: table for name, text in SECTIONS.items() for table in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
}


def _kind(table: str) -> RunKind:
    return TypeAdapter(RunKind).validate_python(expand_presets(tomllib.loads(table), source="the page")["agents"][0])


KINDS: dict[str, RunKind] = {name: _kind(table) for name, table in TABLES.items()}
JOB, WORKFLOW, PIPELINE_RUN = KINDS["job"], KINDS["argo-workflow"], KINDS["tekton-pipeline-run"]

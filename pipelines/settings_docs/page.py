"""The page docs/settings.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from pydantic import TypeAdapter

from pipelines.settings import Settings
from pipelines.settings_docs.descriptions import setting_tables

if TYPE_CHECKING:
    from collections.abc import Iterator


def settings_page(settings: Settings) -> str:
    """Render the page's text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown from our own descriptions
    )
    return environment.get_template("settings.md.j2").render(tables=list(_tables(settings)))


def _tables(settings: Settings) -> Iterator[dict[str, Any]]:
    values = TypeAdapter(Settings).dump_python(settings, mode="json")
    for table in setting_tables():
        shipped = values[table.name][0] if table.repeated else values[table.name]
        rows = [(key, _cell(f"`{json.dumps(shipped[key])}`"), _cell(about)) for key, about in table.keys.items()]
        yield {"heading": table.heading, "about": table.about, "rows": rows}


def _cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    return text.replace("|", "\\|")

"""The page docs/settings.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from pydantic import TypeAdapter

from pipelines.settings import Settings, default_values, example_settings
from pipelines.settings_docs.descriptions import setting_tables

if TYPE_CHECKING:
    from collections.abc import Iterator


def settings_page() -> str:
    """Render the page's text, from the packaged defaults and the packaged example."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown from this project's descriptions
    )
    return environment.get_template("settings.md.j2").render(tables=list(_tables()))


def _tables() -> Iterator[dict[str, Any]]:
    values, defaults = TypeAdapter(Settings).dump_python(example_settings(), mode="json"), default_values()
    for table in setting_tables():
        shown = values[table.name]
        if table.repeated:
            shown = shown[0] if shown else table.left_out | table.samples
        known = defaults.get(table.name)
        required = table.keys.keys() - table.left_out.keys()
        # A table of one's own, beside the defaults, needs its keys as well.
        required -= set() if known is None else set(known[0] if table.repeated else known)
        rows = [
            (key, ("required: " if key in required else "") + _cell(_value(shown[key])), _cell(about))
            for key, about in table.keys.items()
        ]
        rows = [(key, "none", _cell(about)) for key, about in table.shorthand.items()] + rows
        yield {"heading": table.heading, "about": table.about, "rows": rows}


def _value(value: object) -> str:
    return "not set" if value is None else f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    return text.replace("|", "\\|")

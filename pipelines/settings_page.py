"""docs/settings.md, from the settings' own descriptions: what is explained is what exists.

python -m pipelines.settings_page > docs/settings.md
"""

from __future__ import annotations

import json
import sys
import typing
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from pipelines.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One setting."""

    name: str
    shipped: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table of the file."""

    heading: str
    about: str
    keys: tuple[Key, ...]


def _described(hint: Any) -> tuple[Any, str]:  # noqa: ANN401 - a type hint
    """A field's type and description."""
    about = ""
    while typing.get_origin(hint) is typing.Annotated:
        hint, *notes = typing.get_args(hint)
        about = next((note.description for note in notes if isinstance(note, FieldInfo) and note.description), about)
    return hint, about


def _section(heading: str, tree: type, values: dict[str, Any]) -> Section:
    hints = typing.get_type_hints(tree, include_extras=True)
    keys = tuple(
        Key(
            name=field.name,
            shipped=f"`{json.dumps(values[field.name])}`".replace("|", "\\|"),
            about=_described(hints[field.name])[1].replace("|", "\\|"),
        )
        for field in fields(tree)
    )
    about = (tree.__doc__ or "").strip().partition("\n")[0]
    return Section(heading=heading, about=about, keys=keys)


def sections(settings: Settings) -> Iterator[Section]:
    """Every table, in the order of the settings tree."""
    values = TypeAdapter(Settings).dump_python(settings, mode="json")
    for name, hint in typing.get_type_hints(Settings, include_extras=True).items():
        kind, _ = _described(hint)
        if is_dataclass(kind):
            yield _section(f"[{name}]", typing.cast("type", kind), values[name])
        elif typing.get_origin(kind) is tuple:
            yield _section(f"[[{name}]]", typing.get_args(kind)[0], values[name][0])


def page(settings: Settings) -> str:
    """The page's text."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, of our own words
    )
    return environment.get_template("settings.md.j2").render(sections=list(sections(settings)))


if __name__ == "__main__":
    sys.stdout.write(page(read_settings(Path("settings.toml"))))

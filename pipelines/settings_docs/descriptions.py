"""The tables and keys of the settings, each with its description."""

from __future__ import annotations

import typing
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo

from pipelines.settings import PRESET, Settings, preset_names

if TYPE_CHECKING:
    from collections.abc import Iterator


_SHORTHAND = {
    "agents": {
        PRESET: "name of a kind whose other keys the package knows: "
        f"{', '.join(preset_names())}; a key beside it replaces that of the preset"
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the settings file.

    Attributes:
        keys: Description of each key, in the order of the settings tree.
        shorthand: Description of each key that is replaced by others when a file is read.
        left_out: Value of each key that a table of a repeated kind may leave out.
        samples: An example of the value of some keys.
        repeated: Whether the file may have several of it.
    """

    name: str
    about: str
    keys: dict[str, str]
    shorthand: dict[str, str]
    left_out: dict[str, Any]
    samples: dict[str, Any]
    repeated: bool

    @property
    def heading(self) -> str:
        """The table's heading in TOML."""
        return f"[[{self.name}]]" if self.repeated else f"[{self.name}]"


def setting_tables() -> Iterator[Table]:
    """List every table, in the order of the settings tree."""
    for name, hint in typing.get_type_hints(Settings, include_extras=True).items():
        kind, _ = _described(hint)
        repeated = typing.get_origin(kind) is tuple
        tree = typing.get_args(kind)[0] if repeated else kind
        if is_dataclass(tree):
            yield _table(name, typing.cast("type", tree), repeated=repeated)


def _table(name: str, tree: type, *, repeated: bool) -> Table:
    hints = typing.get_type_hints(tree, include_extras=True)
    keys = {field.name: _described(hints[field.name])[1] for field in fields(tree)}
    left_out = {field.name: field.default for field in fields(tree) if field.default is not MISSING}
    samples = {field.name: found for field in fields(tree) if (found := _sample(hints[field.name])) is not None}
    about = (tree.__doc__ or "").strip().partition("\n")[0]
    return Table(
        name=name,
        about=about,
        keys=keys,
        shorthand=_SHORTHAND.get(name, {}),
        left_out=left_out,
        samples=samples,
        repeated=repeated,
    )


def _described(hint: Any) -> tuple[Any, str]:  # noqa: ANN401 - a type hint
    """Split a type hint into the type and its description."""
    about = ""
    while typing.get_origin(hint) is typing.Annotated:
        hint, *notes = typing.get_args(hint)
        about = next((note.description for note in notes if isinstance(note, FieldInfo) and note.description), about)
    return hint, about


def _sample(hint: Any) -> Any:  # noqa: ANN401 - a type hint, and any value
    """Return the first example of a type hint; None if it has none."""
    notes = getattr(hint, "__metadata__", ())
    return next((note.examples[0] for note in notes if isinstance(note, FieldInfo) and note.examples), None)

"""The files that `init` writes into a folder.

Guarantees that the settings render before anything is written, that a file of the folder is replaced only if asked, and
that an interrupted write leaves each file whole or absent.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING

import jinja2

from pipelines.manifests import render_files, replace_file
from pipelines.settings import settings_from
from pipelines.starter.settings_text import settings_text
from steps.core import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.starter.answers import Answers

SETTINGS_FILE = "settings.toml"
_TEMPLATES = {"kustomization.yaml": "kustomization.yaml.j2", "README.md": "README.md.j2"}


def starter_files(answers: Answers) -> dict[str, str]:
    """Write every file, by its name.

    Raises:
        BadInputError: An answer is not a valid setting.
    """
    text = settings_text(answers)
    settings = settings_from(tomllib.loads(text), source="init")
    render_files(settings)
    files = {SETTINGS_FILE: text}
    folder = resources.files(__package__) / "templates"
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown and YAML from checked settings
    )
    for name, template in _TEMPLATES.items():
        source = (folder / template).read_text(encoding="utf-8")
        files[name] = environment.from_string(source).render(settings=settings, first=settings.events.repositories[0])
    return files


def write_starter(files: dict[str, str], *, folder: Path, force: bool) -> None:
    """Write the files.

    Args:
        files: Their texts.
        folder: Where to write; made if it does not exist.
        force: Whether to replace files that exist.

    Raises:
        BadInputError: A file exists, or the folder cannot be written.
    """
    try:
        existing = [name for name in files if (folder / name).exists() or (folder / name).is_symlink()]
        if existing and not force:
            raise BadInputError(
                f"{folder}: {', '.join(existing)} exist already, nothing was written: give another folder, or --force "
                "to replace them"
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            replace_file(folder / name, text)
    except OSError as error:
        raise BadInputError(f"{error.filename}: {error.strerror}: give a folder that can be written") from error

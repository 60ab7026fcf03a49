"""Write docs/settings.md, and refresh the comments in settings.toml: `python -m pipelines.settings_docs`."""

from __future__ import annotations

from pathlib import Path

from pipelines.settings import read_settings
from pipelines.settings_docs.page import settings_page
from pipelines.settings_docs.toml_comments import refresh_comments

_SETTINGS, _PAGE = Path("settings.toml"), Path("docs/settings.md")


def main() -> None:
    """Write both files.

    Raises:
        BadInputError: settings.toml has an unknown, missing or malformed key.
    """
    _PAGE.write_text(settings_page(read_settings(_SETTINGS)))
    _SETTINGS.write_text(refresh_comments(_SETTINGS.read_text()))


if __name__ == "__main__":
    main()

"""Write docs/settings.md, and refresh the comments in the packaged files: `python -m pipelines.settings_docs`."""

from __future__ import annotations

from pathlib import Path

from pipelines.settings_docs.page import settings_page
from pipelines.settings_docs.toml_comments import refresh_comments

_PAGE = Path("docs/settings.md")
_PACKAGED = (Path("pipelines/settings/defaults.toml"), Path("pipelines/settings/example.toml"))


def main() -> None:
    """Write the page and the comments."""
    _PAGE.write_text(settings_page(), encoding="utf-8")
    for path in _PACKAGED:
        path.write_text(refresh_comments(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The pictures of terminals in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tools.captures.page import page
from tests.tools.captures.picture import picture, plain
from tests.tools.captures.scenes import SCENES

DOCS = Path(__file__).parents[4] / "docs"
SCREEN = "$ agent-cancellation status\n\x1b[32mcompleted\x1b[0m  \n"


def test_a_picture_shows_the_text_and_loads_nothing() -> None:
    shown = picture(SCREEN, name="it")
    assert "completed" in shown
    assert set(re.findall(r"https?://[^\"\s<]+", shown)) <= {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in shown
    assert shown == picture(SCREEN, name="it")


def test_the_page_has_the_text_of_each_picture() -> None:
    assert plain(SCREEN) == "$ agent-cancellation status\ncompleted"
    written = page({scene.name: SCREEN for scene in SCENES})
    assert written.count(plain(SCREEN)) == len(SCENES)


def test_each_scene_has_one_picture() -> None:
    assert {path.stem for path in (DOCS / "captures").glob("*.svg")} == {scene.name for scene in SCENES}
    assert all(f"(captures/{scene.name}.svg)" in (DOCS / "terminal.md").read_text() for scene in SCENES)

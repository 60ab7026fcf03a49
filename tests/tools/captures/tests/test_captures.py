"""The pictures of terminals in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tools.captures.page import page
from tests.tools.captures.picture import picture, plain
from tests.tools.captures.scenes import SCENES

DOCS = Path(__file__).parents[4] / "docs"
SCREEN = "$ agent-cancellation status\n\x1b[32mcompleted\x1b[0m  \n"


def test_a_picture_shows_the_text_and_needs_nothing_from_elsewhere() -> None:
    shown = picture(SCREEN, name="it")
    assert "completed" in shown
    assert set(re.findall(r"https?://[^\"\s<]+", shown)) <= {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in shown
    assert shown == picture(SCREEN, name="it")


def test_whoever_does_not_look_at_pictures_finds_the_text() -> None:
    assert plain(SCREEN) == "$ agent-cancellation status\ncompleted"
    told = page({scene.name: SCREEN for scene in SCENES})
    assert told.count(plain(SCREEN)) == len(SCENES)


def test_every_scene_has_its_picture_and_no_picture_is_without_one() -> None:
    assert {path.stem for path in (DOCS / "captures").glob("*.svg")} == {scene.name for scene in SCENES}
    assert all(f"(captures/{scene.name}.svg)" in (DOCS / "terminal.md").read_text() for scene in SCENES)

"""The pictures of terminals in the documentation."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from tests.tools.captures.page import page
from tests.tools.captures.picture import picture, plain
from tests.tools.captures.scenes import SCENES, Scene
from tests.tools.palette import contrast

DOCS = Path(__file__).parents[4] / "docs"
SCREEN = "$ agent-cancellation status\n\x1b[32mcompleted\x1b[0m  \n"


def test_a_picture_shows_the_text_and_loads_nothing() -> None:
    shown = picture(SCREEN, name="it", title="What is done")
    assert "completed" in shown
    assert ">What&#160;is&#160;done<" in shown
    assert set(re.findall(r"https?://[^\"\s<]+", shown)) <= {"http://www.w3.org/2000/svg"}
    assert "@font-face" not in shown
    assert shown == picture(SCREEN, name="it", title="What is done")


def test_the_page_has_the_text_of_each_picture() -> None:
    assert plain(SCREEN) == "$ agent-cancellation status\ncompleted"
    written = page({scene.name: SCREEN for scene in SCENES})
    assert written.count(plain(SCREEN)) == len(SCENES)


def test_each_scene_has_one_picture() -> None:
    assert {path.stem for path in (DOCS / "captures").glob("*.svg")} == {scene.name for scene in SCENES}
    assert all(f"(captures/{scene.name}.svg)" in (DOCS / "terminal.md").read_text() for scene in SCENES)


def background(svg: str) -> str:
    (found,) = re.findall(r'<rect fill="(#[0-9a-f]{6})" stroke', svg)
    return str(found)


def colours(svg: str) -> set[str]:
    """The colours of the texts."""
    return set(re.findall(r"-r\d+ \{ fill: (#[0-9a-f]{6})", svg))


@pytest.mark.parametrize("code", [*range(31, 38), *range(90, 98)])
def test_every_colour_of_a_terminal_but_black_can_be_read(code: int) -> None:
    svg = picture(f"\x1b[{code}mword\x1b[0m", name="it", title="")
    assert 'class="it-r1" x="0" y="20" textLength="48.8"' in svg
    (shown,) = re.findall(r"it-r1 \{ fill: (#[0-9a-f]{6})", svg)
    assert contrast(shown, background(svg)) >= 4.5


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_picture_of_the_documentation_can_be_read_and_says_what_it_shows(scene: Scene) -> None:
    svg = (DOCS / "captures" / f"{scene.name}.svg").read_text()
    assert colours(svg)
    assert all(contrast(colour, background(svg)) >= 4.5 for colour in colours(svg))
    (shown,) = re.findall(r'class="[a-z-]*title"[^>]*>([^<]*)<', svg)
    assert unescape(shown).replace("\xa0", " ") == scene.title


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_no_text_of_a_picture_is_small_on_a_page(scene: Scene) -> None:
    """Eleven pixels in the 800 of a page, at the whole width of the terminal."""
    svg = (DOCS / "captures" / f"{scene.name}.svg").read_text()
    (width,) = re.findall(r'viewBox="0 0 (\d+) ', svg)
    assert round(min(map(float, re.findall(r"font-size: (\d+)px", svg))) * 800 / float(width), 1) >= 11

"""The colours, and the pictures that use them, on a light and on a dark page."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.tools.palette import BACKGROUND, QUIET, SHAPES, TEXT, Colour, contrast, style

DOCS = Path(__file__).parents[3] / "docs"
DRAWN = ("timeline.svg", "burst.svg", "burst-model.svg")
SVG = "{http://www.w3.org/2000/svg}"
# A page's column at GitHub is at least this wide on a laptop.
PAGE, SMALLEST_TEXT = 800, 11


def root(name: str) -> ET.Element:
    return ET.fromstring((DOCS / name).read_text())  # noqa: S314 - made here


def schemes() -> tuple[dict[str, str], dict[str, str]]:
    """The colour of each selector, in the light and in the dark scheme."""
    light, _, dark = style().partition("@media (prefers-color-scheme: dark)")
    rule = re.compile(r"([.a-z]+) \{ (?:fill|stroke|color): (#[0-9a-f]{6}) \}")
    return dict(rule.findall(light)), dict(rule.findall(dark))


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert contrast("#336699", "#336699") == 1.0


@pytest.mark.parametrize("colour", [TEXT, QUIET])
def test_a_text_can_be_read_in_both_schemes(colour: Colour) -> None:
    assert contrast(colour.light, BACKGROUND.light) >= 4.5
    assert contrast(colour.dark, BACKGROUND.dark) >= 4.5


@pytest.mark.parametrize("name", SHAPES)
def test_a_bar_or_a_line_can_be_seen_in_both_schemes(name: str) -> None:
    assert contrast(SHAPES[name].light, BACKGROUND.light) >= 3
    assert contrast(SHAPES[name].dark, BACKGROUND.dark) >= 3


def test_both_schemes_set_the_colour_of_the_same_things() -> None:
    light, dark = schemes()
    assert light.keys() == dark.keys() == {".background", "text", ".quiet", ".grid", *(f".{name}" for name in SHAPES)}
    assert (light["text"], dark["text"]) == ("#1f2328", "#e6edf3")


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_of_the_documentation_has_its_own_background_first(name: str) -> None:
    shapes = [each for each in root(name) if each.tag in {f"{SVG}rect", f"{SVG}text", f"{SVG}line"}]
    assert shapes[0].attrib == {"class": "background", "width": "100%", "height": "100%"}


@pytest.mark.parametrize("name", DRAWN)
def test_every_colour_of_a_picture_comes_from_its_style(name: str) -> None:
    """So a text or a bar cannot keep the colour of the other scheme."""
    picture = root(name)
    assert style() in (picture.findtext(f"{SVG}style") or "")
    known = {"background", "quiet", "grid", "bar", "line", "without", *SHAPES}
    for each in picture.iter():
        assert not {"fill", "stroke", "style"} & each.attrib.keys(), each.attrib
        assert set(each.get("class", "").split()) <= known
        if each.tag in {f"{SVG}rect", f"{SVG}line", f"{SVG}path", f"{SVG}polyline"}:
            assert each.get("class"), each.attrib


@pytest.mark.parametrize("name", DRAWN)
def test_no_text_of_a_picture_is_small_on_a_page(name: str) -> None:
    picture = root(name)
    scale = PAGE / float(picture.attrib["viewBox"].split()[2])
    sizes = [float(each.attrib["font-size"]) for each in picture.iter() if "font-size" in each.attrib]
    assert min(sizes) * scale >= SMALLEST_TEXT


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_says_inside_what_there_is_to_see_with_a_number(name: str) -> None:
    picture = root(name)
    title, first = picture.findtext(f"{SVG}title"), picture.findtext(f"{SVG}text")
    assert title == first
    assert re.search(r"\d (?:s|min)\b", title or "")


@pytest.mark.parametrize("name", ["timeline.svg", "burst.svg"])
def test_the_page_of_the_measurements_describes_a_picture_by_its_title(name: str) -> None:
    assert f"![{root(name).findtext(f'{SVG}title')}]({name})" in (DOCS / "measurements-cluster.md").read_text()

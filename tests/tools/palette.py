"""The colours of the pictures in the documentation, on a light and on a dark page.

Guarantees that a picture which uses `style` has its own background in both schemes, and that the contrast of its texts
with that background is at least 4.5 to 1, and that of its bars and lines 3 to 1. Those are the minimums of WCAG 2.2,
1.4.3 and 1.4.11. Grid lines are fainter on purpose. Does not guarantee that two colours differ for every eye: a picture
names what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

WIDTH = 800
FONTS = "system-ui, Segoe UI, Helvetica, Arial, sans-serif"
_LINEAR_BELOW = 0.04045


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """One colour in both schemes, as #rrggbb."""

    light: str
    dark: str


BACKGROUND = Colour(light="#ffffff", dark="#0d1117")
TEXT = Colour(light="#1f2328", dark="#e6edf3")
QUIET = Colour(light="#59636e", dark="#9198a1")
GRID = Colour(light="#d0d7de", dark="#3d444d")
SHAPES: Mapping[str, Colour] = {
    "grey": Colour(light="#818b98", dark="#7d8590"),
    "orange": Colour(light="#b35900", dark="#f0883e"),
    "blue": Colour(light="#0969da", dark="#58a6ff"),
    "green": Colour(light="#1a7f37", dark="#56d364"),
    "red": Colour(light="#cf222e", dark="#ff7b72"),
    "purple": Colour(light="#8250df", dark="#bc8cff"),
}


def style() -> str:
    """Write the content of a picture's `<style>`.

    A text has a colour without a class, or is `quiet`. A shape is a `bar` or a `line` with the name of its colour. A
    dark page is one whose reader prefers a dark scheme.
    """
    shapes = ".bar { fill: currentColor }\n.line { fill: none; stroke: currentColor; stroke-width: 2.5 }"
    light, dark = _rules(lambda colour: colour.light), _rules(lambda colour: colour.dark)
    return f"{light}\n{shapes}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _rules(shade: Callable[[Colour], str]) -> str:
    rules = [
        f".background {{ fill: {shade(BACKGROUND)} }}",
        f"text {{ fill: {shade(TEXT)} }}",
        f".quiet {{ fill: {shade(QUIET)} }}",
        f".grid {{ stroke: {shade(GRID)} }}",
        *(f".{name} {{ color: {shade(colour)} }}" for name, colour in SHAPES.items()),
    ]
    return "\n".join(rules)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as #rrggbb, from 1 to 21, as WCAG 2.2 defines it."""
    lower, higher = sorted((_luminance(one), _luminance(other)))
    return (higher + 0.05) / (lower + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (
        value / 12.92 if value <= _LINEAR_BELOW else ((value + 0.055) / 1.055) ** 2.4 for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

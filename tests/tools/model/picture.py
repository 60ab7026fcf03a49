"""docs/burst-model.svg: the time until agents are gone, by the number of pushes in one minute.

Guarantees that equal parameters give equal bytes, and that the picture is readable on a light and on a dark page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment

from tests.tools.model.burst import play
from tests.tools.model.points import Point
from tests.tools.model.report import duration
from tests.tools.palette import FONTS, WIDTH, style

ABOUT = "Time until the agents of 95 % of the pushes are gone, by pushes in one minute: a model"
RATES = (10, 18, 32, 56, 100, 178, 316, 562, 1_000, 1_778, 3_162, 5_623, 10_000)
CORES = (2, 8, 64)
_COLOURS = {2: "orange", 8: "blue", 64: "green"}
_PLACES = 10
# What the headline compares: the burst and the node in the middle of what is modelled.
_NAMED_RATE, _NAMED_CORES = 1_000, 8
_HEIGHT = 464
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 634, 84, 410
_LOW_S, _HIGH_S = 1.0, 36_000.0
_TICKS = ((1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3_600, "1 h"), (36_000, "10 h"))

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" width="{{ width }}" \
font-family="{{ fonts }}" font-size="12">
<title>{{ title }}</title>
<style>
{{ style }}
.without { stroke-dasharray: 6 4 }
</style>
<rect class="background" width="100%" height="100%"/>
<text x="12" y="24" font-weight="bold" font-size="14">{{ title }}</text>
<text x="12" y="44" class="quiet">{{ about }}</text>
<text x="12" y="62" class="quiet">{{ setup }}</text>
{% for tick in rows -%}
<line class="grid" x1="{{ left }}" x2="{{ right }}" y1="{{ tick.at }}" y2="{{ tick.at }}"/>
<text class="quiet" x="{{ left - 8 }}" y="{{ tick.at + 4 }}" text-anchor="end">{{ tick.text }}</text>
{% endfor -%}
{% for tick in columns -%}
<line class="grid" x1="{{ tick.at }}" x2="{{ tick.at }}" y1="{{ top }}" y2="{{ bottom }}"/>
<text class="quiet" x="{{ tick.at }}" y="{{ bottom + 18 }}" text-anchor="middle">{{ tick.text }}</text>
{% endfor -%}
<text class="quiet" x="{{ (left + right) / 2 }}" y="{{ bottom + 38 }}" text-anchor="middle">pushes in one minute</text>
{% for line in lines -%}
<polyline class="line {{ line.style }}" points="{{ line.points }}"/>
{% endfor -%}
{% for line in lines -%}
<path class="line {{ line.style }}" d="M{{ right + 12 }} {{ line.label }}h24"/>
<text x="{{ right + 42 }}" y="{{ line.label + 4 }}">{{ line.text }}</text>
{% endfor -%}
</svg>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the picture: times by rate."""

    cores: int
    help: bool
    times: tuple[tuple[int, float], ...]


def lines(*, rates: Sequence[int] = RATES) -> list[Line]:
    """Play what the picture shows, the slowest line first."""
    found = []
    for helps in (False, True):
        for cores in CORES:
            outcomes = (
                (rate, play(Point(rate=rate, help=helps, cores=cores, places=_PLACES).parameters)) for rate in rates
            )
            times = tuple((rate, outcome.percentile(95)) for rate, outcome in outcomes)
            found.append(Line(cores=cores, help=helps, times=times))
    return found


def _x(rate: float) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * math.log10(rate / RATES[0]) / math.log10(RATES[-1] / RATES[0]), 1)


def _y(seconds: float) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * math.log10(seconds / _LOW_S) / math.log10(_HIGH_S / _LOW_S), 1)


def headline(shown: Sequence[Line]) -> str:
    """What the picture shows, with its numbers.

    Args:
        shown: The lines with and without help of the named number of cores, with a time at the named rate.
    """
    times = {line.help: duration(dict(line.times)[_NAMED_RATE]) for line in shown if line.cores == _NAMED_CORES}
    return (
        f"Modelled: agents of {_NAMED_RATE:,} pushes in a minute gone after {times[True]} with help, "
        f"{times[False]} without ({_NAMED_CORES} cores)"
    )


def picture(shown: Sequence[Line]) -> str:
    """The picture as SVG."""
    drawn = [
        {
            "style": _COLOURS[line.cores] + ("" if line.help else " without"),
            "points": " ".join(f"{_x(rate)},{_y(seconds)}" for rate, seconds in line.times),
            "label": _TOP + 20 + 24 * number,
            "text": f"{line.cores} cores, {'help' if line.help else 'no help'}",
        }
        for number, line in enumerate(shown)
    ]
    return (
        Environment(autoescape=True, keep_trailing_newline=True)
        .from_string(_SVG)
        .render(
            title=headline(shown),
            about=ABOUT,
            setup=f"Each push to a task of its own; {_PLACES} places in the semaphore; without limits of GitHub",
            style=style(),
            fonts=FONTS,
            width=WIDTH,
            height=_HEIGHT,
            left=_LEFT,
            right=_RIGHT,
            top=_TOP,
            bottom=_BOTTOM,
            rows=[{"at": _y(seconds), "text": text} for seconds, text in _TICKS],
            columns=[{"at": _x(rate), "text": f"{rate:,}"} for rate in (10, 100, 1_000, 10_000)],
            lines=drawn,
        )
    )

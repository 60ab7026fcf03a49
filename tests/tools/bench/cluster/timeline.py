"""The way of a push on one time axis: what was seen of each push, the medians of many, and the picture of those.

Guarantees: every number in the picture is a measurement of the run that wrote it; equal measurements give equal bytes.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jinja2 import Environment

from tests.tools.palette import FONTS, WIDTH, style

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.e2e.support.stage import Stage

# From one moment to another, by whom; the moments in the order in which they come.
LANES = (
    ("EventSource, bus, Sensor", "webhook", "workflow", "purple"),
    ("Argo and the kubelet start the pod", "workflow", "lease", "grey"),
    ("decide, delete, prove", "lease", "proven", "red"),
    ("stale agent, from DELETE to its end", "deleting", "gone", "orange"),
    ("labels", "proven", "labels", "blue"),
    ("state, record, release", "labels", "settled", "green"),
    ("Argo notices, and frees the mutex", "settled", "finished", "grey"),
)
_SAID = {"lease": "lease acquired", "proven": "agents proven gone", "settled": "cancellation completed"}
_LEFT, _AXIS, _TOP, _ROW = 260, 480, 60, 26

_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ bottom + 32 }}" width="{{ width }}" \
font-family="{{ fonts }}" font-size="12">
<title>{{ title }}</title>
<style>
{{ style }}
</style>
<rect class="background" width="100%" height="100%"/>
<text x="12" y="24" font-weight="bold" font-size="16">{{ title }}</text>
<text x="12" y="44" class="quiet">{{ about }}</text>
{% for second in seconds -%}
<line class="grid" x1="{{ second.x }}" x2="{{ second.x }}" y1="{{ top }}" y2="{{ bottom }}"/>
<text class="quiet" x="{{ second.x }}" y="{{ bottom + 18 }}" text-anchor="middle">{{ second.text }}</text>
{% endfor -%}
{% for bar in bars -%}
<text x="12" y="{{ bar.y + 17 }}">{{ bar.name }}</text>
<rect class="bar {{ bar.colour }}" x="{{ bar.x }}" y="{{ bar.y + 5 }}" width="{{ bar.width }}" height="16" rx="2"/>
<text x="{{ bar.end }}" y="{{ bar.y + 17 }}">{{ bar.text }}</text>
{% endfor -%}
</svg>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line of the picture, in seconds since the webhook."""

    name: str
    start: float
    end: float
    colour: str


def said(stage: Stage, pod: dict[str, Any], *, began: float) -> dict[str, float]:
    """When the steps of a pod logged what the picture needs, in seconds since the webhook."""
    found: dict[str, float] = {}
    log = stage.cluster.kubectl("-n", stage.home, "logs", pod["metadata"]["name"], "--container", "main")
    for line in log.splitlines():
        logged = json.loads(line) if line.startswith("{") else {}
        for moment, event in _SAID.items():
            if logged.get("event") == event:
                found[moment] = datetime.fromisoformat(logged["time"]).timestamp() - began
    return found


def medians(pushes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each moment that every push had."""
    common = set.intersection(*(set(push) for push in pushes))
    return {moment: statistics.median(push[moment] for push in pushes) for moment in common}


def bars(moments: Mapping[str, float]) -> Iterator[Bar]:
    """The lines of the picture."""
    known = {"webhook": 0.0, **moments}
    for name, start, end, colour in LANES:
        if start in known and end in known:
            yield Bar(name=name, start=known[start], end=max(known[end], known[start]), colour=colour)


def headline(pushes: Sequence[Mapping[str, float]]) -> str:
    """What the picture shows, with its numbers."""
    middle = medians(pushes)
    return f"Agents gone {middle['gone']:.1f} s after the push, labels moved after {middle['labels']:.1f} s"


def picture(pushes: Sequence[Mapping[str, float]]) -> str:
    """The picture as SVG.

    Args:
        pushes: The moments of each push, in seconds since its webhook; `gone`, `labels` and `finished` at least.
    """
    lines = list(bars(medians(pushes)))
    last = max(bar.end for bar in lines)
    scale = _AXIS / last
    drawn = [
        {
            "name": bar.name,
            "colour": bar.colour,
            "x": round(_LEFT + bar.start * scale, 1),
            "y": _TOP + number * _ROW,
            "width": round(max((bar.end - bar.start) * scale, 1.5), 1),
            "end": round(_LEFT + bar.end * scale + 6, 1),
            "text": f"{bar.end - bar.start:.1f} s",
        }
        for number, bar in enumerate(lines)
    ]
    template = Environment(autoescape=True, keep_trailing_newline=True).from_string(_PICTURE)
    return template.render(
        title=headline(pushes),
        about=f"From the webhook to the free mutex: medians of {len(pushes)} pushes to tasks with one stale agent",
        style=style(),
        fonts=FONTS,
        width=WIDTH,
        top=_TOP,
        bottom=_TOP + len(drawn) * _ROW,
        bars=drawn,
        seconds=[{"x": round(_LEFT + at * scale, 1), "text": f"{at} s"} for at in range(int(last) + 1)],
    )

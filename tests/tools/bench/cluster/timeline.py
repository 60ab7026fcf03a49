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

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.e2e.support.stage import Stage

# From one moment to another, by whom; the moments in the order in which they come.
LANES = (
    ("EventSource, bus, Sensor", "webhook", "workflow", "#8e7cc3"),
    ("Argo and the kubelet start the pod", "workflow", "lease", "#b7b7b7"),
    ("decide, delete, prove", "lease", "proven", "#cc4125"),
    ("the stale agent, from DELETE to its end", "deleting", "gone", "#e69138"),
    ("labels", "proven", "labels", "#3d85c6"),
    ("state, record, release", "labels", "settled", "#6fa8dc"),
    ("Argo notices, and frees the mutex", "settled", "finished", "#b7b7b7"),
)
_SAID = {"lease": "lease acquired", "proven": "agents proven gone", "settled": "cancellation completed"}
_LEFT, _WIDTH, _ROW = 250, 620, 26

_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ left + width + 60 }} {{ bars | length * row + 62 }}" \
font-family="sans-serif" font-size="12">
<title>{{ title }}</title>
<text x="8" y="18" font-weight="bold">{{ title }}</text>
{% for second in seconds -%}
<line x1="{{ second.x }}" x2="{{ second.x }}" y1="30" y2="{{ bars | length * row + 36 }}" stroke="#ddd"/>
<text x="{{ second.x }}" y="{{ bars | length * row + 52 }}" text-anchor="middle" fill="#666">{{ second.text }}</text>
{% endfor -%}
{% for bar in bars -%}
<text x="8" y="{{ bar.y + 15 }}">{{ bar.name }}</text>
<rect x="{{ bar.x }}" y="{{ bar.y + 3 }}" width="{{ bar.width }}" height="16" rx="2" fill="{{ bar.colour }}"/>
<text x="{{ bar.x + bar.width + 4 }}" y="{{ bar.y + 15 }}" fill="#333">{{ bar.text }}</text>
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


def picture(pushes: Sequence[Mapping[str, float]], *, title: str) -> str:
    """The picture as SVG."""
    lines = list(bars(medians(pushes)))
    scale = _WIDTH / max(bar.end for bar in lines)
    drawn = [
        {
            "name": bar.name,
            "colour": bar.colour,
            "x": round(_LEFT + bar.start * scale, 1),
            "y": 30 + number * _ROW,
            "width": round(max((bar.end - bar.start) * scale, 1.5), 1),
            "text": f"{bar.end - bar.start:.1f} s",
        }
        for number, bar in enumerate(lines)
    ]
    seconds = [
        {"x": round(_LEFT + second * scale, 1), "text": f"{second} s"}
        for second in range(int(max(bar.end for bar in lines)) + 1)
    ]
    template = Environment(autoescape=True, keep_trailing_newline=True).from_string(_PICTURE)
    return template.render(title=title, left=_LEFT, width=_WIDTH, row=_ROW, bars=drawn, seconds=seconds)

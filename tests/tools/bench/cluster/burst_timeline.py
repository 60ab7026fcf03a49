"""A burst of pushes on one time axis: what each task waited for, and the picture of that.

Guarantees that every bar comes from the log lines of the pods of the measured burst, and that equal measurements give
equal bytes. A task whose pods' logs are gone is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jinja2 import Environment

from tests.e2e.support.pods import step_pods

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.e2e.support.stage import Stage

_EVENTS = {"lease acquired": "lease", "run deleted": "deleting", "agents proven gone": "gone"}
_EVENTS |= {"cancellation completed": "settled"}
_PHASES = (
    ("waits for a pod", "", "lease", "#9aa0a6"),
    ("lease, decision", "lease", "deleting", "#cc4125"),
    ("agent ends", "deleting", "gone", "#e69138"),
    ("labels, record", "gone", "settled", "#3d85c6"),
)
_LEFT, _WIDTH, _ROW = 170, 560, 18

_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {{ rows | length * row + 92 }}" \
font-family="sans-serif" font-size="12">
<title>{{ title }}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="8" y="18" font-weight="bold" fill="#202124">{{ title }}</text>
{% for each in legend -%}
<rect x="{{ each.x }}" y="28" width="12" height="12" fill="{{ each.colour }}"/>
<text x="{{ each.x + 17 }}" y="38" fill="#202124">{{ each.name }}</text>
{% endfor -%}
{% for second in seconds -%}
<line x1="{{ second.x }}" x2="{{ second.x }}" y1="50" y2="{{ rows | length * row + 56 }}" stroke="#dadce0"/>
<text x="{{ second.x }}" y="{{ rows | length * row + 72 }}" text-anchor="middle" fill="#5f6368">{{ second.text }}</text>
{% endfor -%}
{% for task in rows -%}
<text x="8" y="{{ task.y + 12 }}" fill="#202124">{{ task.name }}</text>
{% for bar in task.bars -%}
<rect x="{{ bar.x }}" y="{{ task.y + 2 }}" width="{{ bar.width }}" height="12" fill="{{ bar.colour }}"/>
{% endfor -%}
{% endfor -%}
</svg>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One task of a burst.

    Attributes:
        moments: Seconds since the first webhook, by name: lease, deleting, gone, settled.
        helped: Whether the pod of another push did the work.
    """

    moments: dict[str, float]
    helped: bool


def waits(stages: Sequence[Stage], *, began: float) -> list[Wait]:
    """Read from the pods' logs what each task waited for."""
    found: dict[str, dict[str, float]] = {str(stage.task): {} for stage in stages}
    helped: set[str] = set()
    for stage in stages:
        for line in _lines(stage):
            task, moment = str(line.get("task")), _EVENTS.get(line.get("event", ""))
            if moment and task in found:
                found[task].setdefault(moment, datetime.fromisoformat(line["time"]).timestamp() - began)
                helped |= {task} if line.get("helper") else set()
    return [Wait(moments=moments, helped=task in helped) for task, moments in found.items() if "settled" in moments]


def _lines(stage: Stage) -> Iterator[dict[str, Any]]:
    for workflow in stage.workflows():
        for pod in step_pods(stage, workflow["metadata"]["name"]):
            log = stage.cluster.kubectl("-n", stage.home, "logs", pod["metadata"]["name"], "--container", "main")
            yield from (json.loads(line) for line in log.splitlines() if line.startswith("{"))


def burst_picture(found: Sequence[Wait]) -> str:
    """Draw the burst as SVG, the first task that was finished at the top."""
    ordered = sorted(found, key=lambda each: each.moments["settled"])
    last = max(each.moments["settled"] for each in ordered)
    scale = _WIDTH / last
    helped = sum(each.helped for each in ordered)
    rows = [
        {
            "name": f"task {number}{', helped' if each.helped else ', own pod'}",
            "y": 50 + (number - 1) * _ROW,
            "bars": list(_bars(each, scale=scale)),
        }
        for number, each in enumerate(ordered, start=1)
    ]
    step = max(1, round(last / 10))
    seconds = [{"x": round(_LEFT + at * scale, 1), "text": f"{at} s"} for at in range(0, int(last) + 1, step)]
    legend = [{"name": name, "colour": colour, "x": 8 + 150 * n} for n, (name, _, _, colour) in enumerate(_PHASES)]
    title = f"{len(ordered)} pushes at once: labels moved {last:.0f} s after the first; {helped} helped by another pod"
    template = Environment(autoescape=True, keep_trailing_newline=True).from_string(_PICTURE)
    return template.render(title=title, legend=legend, rows=rows, seconds=seconds, row=_ROW)


def _bars(each: Wait, *, scale: float) -> Iterator[dict[str, Any]]:
    known = {"": 0.0, **each.moments}
    known.setdefault("deleting", known.get("gone", known["settled"]))
    for _, start, end, colour in _PHASES:
        if start in known and end in known and known[end] > known[start]:
            width = round(max((known[end] - known[start]) * scale, 1.0), 1)
            yield {"x": round(_LEFT + known[start] * scale, 1), "width": width, "colour": colour}

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
from tests.tools.palette import FONTS, WIDTH, style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.e2e.support.stage import Stage

_EVENTS = {"lease acquired": "lease", "run deleted": "deleting", "agents proven gone": "gone"}
_EVENTS |= {"cancellation completed": "settled"}
_PHASES = (
    ("waits for a pod", "", "lease", "grey"),
    ("lease, decision", "lease", "deleting", "purple"),
    ("agent ends", "deleting", "gone", "orange"),
    ("labels, record", "gone", "settled", "blue"),
)
_LEFT, _AXIS, _TOP, _ROW = 140, 630, 88, 18

_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ bottom + 32 }}" width="{{ width }}" \
font-family="{{ fonts }}" font-size="12">
<title>{{ title }}</title>
<style>
{{ style }}
</style>
<rect class="background" width="100%" height="100%"/>
<text x="12" y="24" font-weight="bold" font-size="14">{{ title }}</text>
<text x="12" y="44" class="quiet">{{ about }}</text>
{% for each in legend -%}
<rect class="bar {{ each.colour }}" x="{{ each.x }}" y="58" width="12" height="12"/>
<text x="{{ each.x + 18 }}" y="68">{{ each.name }}</text>
{% endfor -%}
{% for second in seconds -%}
<line class="grid" x1="{{ second.x }}" x2="{{ second.x }}" y1="{{ top }}" y2="{{ bottom }}"/>
<text class="quiet" x="{{ second.x }}" y="{{ bottom + 18 }}" text-anchor="middle">{{ second.text }}</text>
{% endfor -%}
{% for task in rows -%}
<text x="12" y="{{ task.y + 12 }}">{{ task.name }}</text>
{% for bar in task.bars -%}
<rect class="bar {{ bar.colour }}" x="{{ bar.x }}" y="{{ task.y + 2 }}" width="{{ bar.width }}" height="12"/>
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


def burst_headline(found: Sequence[Wait]) -> str:
    """What the picture shows, with its numbers: the last task's. Labels move shortly before a task is settled."""
    settled = max(each.moments["settled"] for each in found)
    gone = max(each.moments.get("gone", settled) for each in found)
    return f"{len(found)} pushes at once: agents proven gone within {gone:.1f} s, labels moved within {settled:.1f} s"


def burst_picture(found: Sequence[Wait]) -> str:
    """Draw the burst as SVG, the first task that was finished at the top."""
    ordered = sorted(found, key=lambda each: each.moments["settled"])
    last = ordered[-1].moments["settled"]
    scale = _AXIS / last
    rows = [
        {
            "name": f"task {number}{', helped' if each.helped else ', own pod'}",
            "y": _TOP + (number - 1) * _ROW,
            "bars": list(_bars(each, scale=scale)),
        }
        for number, each in enumerate(ordered, start=1)
    ]
    step = max(1, round(last / 10))
    helped = sum(each.helped for each in ordered)
    template = Environment(autoescape=True, keep_trailing_newline=True).from_string(_PICTURE)
    return template.render(
        title=burst_headline(found),
        about=f"Each to a task of its own, in seconds since the first webhook; the pod of another push helped {helped}",
        style=style(),
        fonts=FONTS,
        width=WIDTH,
        top=_TOP,
        bottom=_TOP + len(rows) * _ROW,
        legend=[{"name": name, "colour": colour, "x": 12 + 150 * n} for n, (name, _, _, colour) in enumerate(_PHASES)],
        rows=rows,
        seconds=[{"x": round(_LEFT + at * scale, 1), "text": f"{at} s"} for at in range(0, int(last) + 1, step)],
    )


def _bars(each: Wait, *, scale: float) -> Iterator[dict[str, Any]]:
    known = {"": 0.0, **each.moments}
    known.setdefault("deleting", known.get("gone", known["settled"]))
    for _, start, end, colour in _PHASES:
        if start in known and end in known and known[end] > known[start]:
            width = round(max((known[end] - known[start]) * scale, 1.0), 1)
            yield {"x": round(_LEFT + known[start] * scale, 1), "width": width, "colour": colour}

"""The results of the model, for people on a terminal and for machines.

Guarantees that equal results give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from tests.tools.model.burst import Outcome
from tests.tools.model.limits import Limit
from tests.tools.model.measured import Compared
from tests.tools.model.points import Played

COLUMNS = (
    "pushes a minute",
    "cores",
    "places",
    "help",
    "agents gone: half",
    "95 %",
    "all",
    "Workflows ended",
    "pods",
    "API requests",
    "most in 1 s",
    "GitHub",
    "first bottleneck",
    "moved by",
)
_MINUTE_S, _LONG_S, _HOUR_S = 60, 600, 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that the model came to.

    Attributes:
        coalesced: Outcomes by number of tasks.
    """

    compared: Sequence[Compared]
    limits: Sequence[Limit]
    played: Sequence[Played]
    coalesced: dict[int, Outcome]


def duration(seconds: float) -> str:
    """A time with as many digits as mean something."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _LONG_S:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.1f} h"


def cells(played: Played) -> list[str]:
    """A row of the table of bursts."""
    point, outcome = played.point, played.outcome
    first = played.levers[0] if played.levers else None
    return [
        f"{point.rate:,}",
        str(point.cores),
        str(point.places),
        "yes" if point.help else "no",
        duration(outcome.percentile(50)),
        duration(outcome.percentile(95)),
        duration(outcome.waits[-1]),
        duration(outcome.ended),
        f"{outcome.pods:,}",
        f"{outcome.kubernetes + outcome.argo:,}",
        f"{outcome.peak:,}",
        f"{outcome.github:,}",
        first.bottleneck if first else "",
        f"{first.setting} (-{first.saves:.0%})" if first else "",
    ]


def table(played: Iterable[Played]) -> Table:
    """The bursts, for a terminal."""
    shown = Table(title="Bursts of pushes within one minute (a model)", title_justify="left")
    for column in COLUMNS:
        shown.add_column(column, justify="left" if column in ("help", *COLUMNS[-2:]) else "right")
    for each in played:
        shown.add_row(*cells(each))
    return shown


def as_json(results: Results) -> dict[str, Any]:
    """Everything, for machines; of the waits only percentiles."""
    return {
        "compared": [asdict(each) | {"ratio": each.ratio} for each in results.compared],
        "limits": [asdict(each) for each in results.limits],
        "bursts": [
            asdict(each.point) | _numbers(each.outcome) | {"levers": [asdict(lever) for lever in each.levers]}
            for each in results.played
        ],
        "coalesced": {str(tasks): _numbers(outcome) for tasks, outcome in results.coalesced.items()},
    }


def _numbers(outcome: Outcome) -> dict[str, Any]:
    numbers = asdict(outcome)
    del numbers["waits"]
    return numbers | {f"waits_{percent}": outcome.percentile(percent) for percent in (50, 95, 100)}

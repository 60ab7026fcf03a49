"""The results of a run, for people on a terminal, for machines, and for docs/measurements.md.

Guarantees: equal results give equal bytes; no path, host name or time of this machine gets into any of the three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.tools.bench.measured import Result, Row

COLUMNS = ("what", "unit", "median", "min", "max", "target", "within", "ratio")
_NUMBERS = {"median", "min", "max", "target"}
_MET = {None: "", True: "yes", False: "NO"}
_SMALL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the numbers were measured on.

    Attributes:
        load: How many processes wanted to run in the minute before: more than there are cores is a busy machine.
    """

    python: str
    api_server: str
    cores: int
    load: float


def as_json(results: Sequence[Result], *, machine: Machine, quick: bool) -> dict[str, Any]:
    """Everything, for machines."""
    return {
        "python": machine.python,
        "api_server": machine.api_server,
        "cores": machine.cores,
        "load": machine.load,
        "quick": quick,
        "entries": {
            result.entry.name: {
                "title": result.entry.title,
                "seconds": round(result.seconds, 1),
                "rows": [row.as_json() for row in result.rows],
            }
            for result in results
        },
    }


def number(value: float, *, unit: str) -> str:
    """A value with as many digits as mean something."""
    if unit == "calls":
        return f"{value:.0f}"
    if unit in {"MiB", "MB"}:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= _SMALL else f"{value:.3f}"


def cells(row: Row) -> list[str]:
    """A row of the table."""
    numbers = [number(value, unit=row.unit) for value in (row.median, min(row.values), max(row.values))]
    target = "" if row.target is None else f"{number(row.target, unit=row.unit)}{' each' if row.worst else ''}"
    ratio = ", ".join(f"{value:.1f} x {name}" for name, value in row.ratios.items())
    return [row.what, row.unit, *numbers, target, _MET[row.within], ratio]


def tables(results: Sequence[Result]) -> Iterator[Table]:
    """A table for each entry."""
    for result in results:
        table = Table(title=f"{result.entry.title} ({result.seconds:.0f} s)", title_justify="left")
        for column in COLUMNS:
            table.add_column(column, justify="right" if column in _NUMBERS else "left")
        for row in result.rows:
            table.add_row(*cells(row), style="red" if row.within is False else None)
        yield table


def markdown(results: Sequence[Result], *, machine: Machine, command: str, date: str) -> str:
    """The text of docs/measurements.md."""
    on = [f"Python {machine.python}", f"{machine.cores} cores", f"load {machine.load:.1f} at the start"]
    if machine.api_server:
        on.insert(1, f"kube-apiserver {machine.api_server}")
    lines = [
        "# Measurements",
        "",
        f"Written by `{command}`: do not edit. Measured on {', '.join(on)}{f', {date}' if date else ''}.",
        "",
        "Each number is the median of several repetitions, with the smallest and the largest value. Machines differ",
        "and are noisy. Only the ratios and the numbers of calls hold on other machines: a ratio compares two things",
        "that the same run measured in turns. `within` compares with the target; `each` means that the largest value",
        "must meet it.",
    ]
    for result in results:
        lines += ["", f"## {result.entry.title}", "", result.entry.includes, "", f"| {' | '.join(COLUMNS)} |"]
        lines.append("|" + "|".join("--:" if column in _NUMBERS else "---" for column in COLUMNS) + "|")
        lines += [f"| {' | '.join(cells(row))} |" for row in result.rows]
        lines += _details(result)
    return "\n".join(lines) + "\n"


def _details(result: Result) -> Iterator[str]:
    """What the medians are made of; of rows that are made of the same, the last one, which is the largest."""
    detailed = {frozenset(row.detail): row for row in result.rows if row.detail}
    if detailed:
        yield ""
    for row in detailed.values():
        parts = ", ".join(f"{name} {number(value, unit=row.unit)}" for name, value in row.detail.items())
        yield f"- {row.what}: {parts}"

"""What was measured: values with their median and range, the target, and the ratio to what it is compared with."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.tools.bench.bench import Bench


class BenchError(Exception):
    """A program did not do what was to be measured; says which, and what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One quantity, measured several times.

    Attributes:
        target: The most that it may be; None where nothing was promised.
        worst: Whether the target is meant for each single value rather than for their median.
        ratios: How many times the value of what it is compared with, by the name of that.
        detail: What the median is made of, where that is known.
    """

    what: str
    unit: str
    values: tuple[float, ...]
    target: float | None = None
    worst: bool = False
    ratios: Mapping[str, float] = field(default_factory=dict)
    detail: Mapping[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def within(self) -> bool | None:
        """Whether the target is met; None if there is none."""
        if self.target is None:
            return None
        return (max(self.values) if self.worst else self.median) <= self.target

    def against(self, **baselines: Row) -> Row:
        """The row with its ratio to each baseline.

        Values of one round are compared with each other where there are pairs: what slows a machine down for a while
        slows both.
        """
        return replace(self, ratios={**self.ratios, **{name: _ratio(self, row) for name, row in baselines.items()}})

    def as_json(self) -> dict[str, Any]:
        """The row for machines."""
        return {
            "what": self.what,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": list(self.values),
            "target": self.target,
            "within": self.within,
            "ratios": dict(self.ratios),
            "detail": dict(self.detail),
        }


def _ratio(row: Row, baseline: Row) -> float:
    if len(row.values) == len(baseline.values) and all(baseline.values):
        return statistics.median(a / b for a, b in zip(row.values, baseline.values, strict=True))
    return row.median / baseline.median if baseline.median else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing to measure.

    Attributes:
        includes: What the numbers include and what they do not.
    """

    name: str
    title: str
    includes: str
    measure: Callable[[Bench], Iterable[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What an entry came to."""

    entry: Entry
    rows: tuple[Row, ...]
    seconds: float

"""Compares the model with the measured points of measured.toml.

Guarantees that every time of every point is compared. The measured points are few, most of them were measured once, and
the processor times of the model were fitted to some of them. So a ratio near 1 shows that the model has the right shape
in this range, and nothing about larger bursts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from tests.tools.model.burst import Outcome, play
from tests.tools.model.parameters import Argo, Help, Load, Node, Parameters, Requests

FILE = Path(__file__).with_name("measured.toml")
FACTOR = 1.6
SEEDS = range(1, 9)
# The measurements used a double of GitHub on the same machine.
_DOUBLE_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One measured time beside the model's mean."""

    point: str
    date: str
    source: str
    time: str
    measured: float
    modelled: float
    fitted: bool

    @property
    def ratio(self) -> float:
        """The modelled time divided by the measured one."""
        return self.modelled / self.measured

    @property
    def within(self) -> bool:
        """Whether they differ by at most the factor."""
        return 1 / FACTOR <= self.ratio <= FACTOR


def _parameters(point: dict[str, Any]) -> Parameters:
    node, argo = Node(), Argo()
    if point["containers"] == 2:
        node = replace(node, start_cpu_s=node.start_cpu_s + node.second_cpu_s)
    changed = {name: point[name] for name in ("concurrent", "qps", "burst") if name in point}
    return Parameters(
        load=Load(pushes=point["pushes"], tasks=point.get("tasks", 0), within_s=0),
        node=node,
        argo=replace(argo, **changed),
        requests=Requests(github_s=_DOUBLE_S),
        help=Help(pushes=point["help"]),
    )


def _outcomes(point: dict[str, Any]) -> list[Outcome]:
    parameters = _parameters(point)
    return [play(replace(parameters, seed=seed)) for seed in SEEDS]


def compare() -> Iterator[Compared]:
    """Compare every time of every point."""
    for point in tomllib.loads(FILE.read_text())["point"]:
        outcomes = _outcomes(point)
        for time, measured in point["times"].items():
            yield Compared(
                point=point["name"],
                date=point["date"],
                source=point["source"],
                time=time,
                measured=measured,
                modelled=mean(getattr(outcome, time) for outcome in outcomes),
                fitted=point.get("fitted", False),
            )

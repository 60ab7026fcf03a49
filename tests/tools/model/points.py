"""The points that docs/scale.md shows: how many pushes a minute, with and without help, cores, places.

Guarantees that a point's outcome and levers depend on nothing but its parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from tests.tools.model.burst import Outcome, play
from tests.tools.model.levers import Lever, strongest
from tests.tools.model.parameters import Argo, Help, Load, Node, Parameters

RATES = (10, 100, 1_000, 10_000)
CORES = (2, 8, 64)
PLACES = (2, 10, 50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row: this many pushes within one minute, each to a task of its own."""

    rate: int
    help: bool
    cores: int
    places: int

    @property
    def parameters(self) -> Parameters:
        """What the point is played with."""
        return Parameters(
            load=Load(pushes=self.rate),
            node=Node(cores=self.cores),
            argo=Argo(concurrent=self.places),
            help=Help() if self.help else Help(pushes=0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A point, its outcome, and the settings that would shorten it most."""

    point: Point
    outcome: Outcome
    levers: tuple[Lever, ...]


def points() -> Iterator[Point]:
    """All points, in the order of the table."""
    for rate, cores, places, helps in product(RATES, CORES, PLACES, (False, True)):
        yield Point(rate=rate, cores=cores, places=places, help=helps)


def played(point: Point) -> Played:
    """Play a point, and again with each setting changed."""
    parameters = point.parameters
    outcome = play(parameters)
    return Played(point=point, outcome=outcome, levers=strongest(parameters, outcome=outcome))


def coalesced(tasks: int, *, pushes: int) -> Outcome:
    """Play pushes to few tasks with the shipped settings and eight cores."""
    point = Point(rate=pushes, help=True, cores=8, places=10)
    return play(replace(point.parameters, load=Load(pushes=pushes, tasks=tasks)))

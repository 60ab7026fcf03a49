"""What limits a burst: each setting is changed by a factor of two in turn, and the time compared.

Guarantees that a setting is called a bottleneck only if the simulation with it changed is shorter by a tenth at least.
Where no single setting does that, two and then three at once are tried: several resources may be equally narrow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations

from tests.tools.model.burst import Outcome, play
from tests.tools.model.parameters import Parameters

_PERCENT = 95
_NOTABLE = 0.1
_MOST_TOGETHER = 3
# A push that waits for nothing has its agents gone within this time.
_UNHINDERED_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """A bottleneck, and the setting that moves it.

    Attributes:
        saves: Share of the time until 95 % of the agents are gone that the change saves.
    """

    bottleneck: str
    setting: str
    saves: float


def _sensor(given: Parameters) -> Parameters:
    argo = given.argo
    return replace(given, argo=replace(argo, sensor_qps=2 * argo.sensor_qps, sensor_burst=2 * argo.sensor_burst))


def _client(given: Parameters) -> Parameters:
    argo = given.argo
    return replace(given, argo=replace(argo, qps=2 * argo.qps, burst=2 * argo.burst))


def _requeue(given: Parameters) -> Parameters:
    return replace(given, argo=replace(given.argo, requeue_s=given.argo.requeue_s / 2))


def _places(given: Parameters) -> Parameters:
    return replace(given, argo=replace(given.argo, concurrent=2 * given.argo.concurrent))


def _cores(given: Parameters) -> Parameters:
    return replace(given, node=replace(given.node, cores=2 * given.node.cores))


def _help(given: Parameters) -> Parameters:
    return replace(given, help=replace(given.help, pushes=2 * given.help.pushes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    bottleneck: str
    setting: str
    apply: Callable[[Parameters], Parameters]

    def __and__(self, other: _Change) -> _Change:
        return _Change(
            bottleneck=f"{self.bottleneck} and {other.bottleneck}",
            setting=f"{self.setting} and {other.setting}",
            apply=lambda given: self.apply(other.apply(given)),
        )


_CHANGES = (
    _Change(bottleneck="Sensor", setting="a second Sensor", apply=_sensor),
    _Change(bottleneck="controller's client", setting="`--qps`, `--burst` doubled", apply=_client),
    _Change(bottleneck="requeue time", setting="`DEFAULT_REQUEUE_TIME` halved", apply=_requeue),
    _Change(bottleneck="semaphore", setting="`workflow.concurrent` doubled", apply=_places),
    _Change(bottleneck="cores", setting="cores doubled", apply=_cores),
    _Change(bottleneck="help's limit", setting="`help.pushes` doubled", apply=_help),
)


def strongest(parameters: Parameters, *, outcome: Outcome) -> tuple[Lever, ...]:
    """Return the settings whose change shortens the burst notably, the strongest first.

    Args:
        parameters: The burst.
        outcome: Its outcome without a change.
    """
    before = outcome.percentile(_PERCENT)
    if before <= _UNHINDERED_S:
        return ()
    changes = [change for change in _CHANGES if parameters.help.pushes or change.apply is not _help]
    for size in range(1, _MOST_TOGETHER + 1):
        together = [reduce(_Change.__and__, each) for each in combinations(changes, size)]
        if found := _notable(together, parameters=parameters, before=before):
            return found
    return ()


def _notable(changes: list[_Change], *, parameters: Parameters, before: float) -> tuple[Lever, ...]:
    found = [
        Lever(
            bottleneck=change.bottleneck,
            setting=change.setting,
            saves=1 - play(change.apply(parameters)).percentile(_PERCENT) / before,
        )
        for change in changes
    ]
    return tuple(sorted((each for each in found if each.saves >= _NOTABLE), key=lambda each: -each.saves))

"""Bursts of the model, as examples."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tools.model.burst import Outcome, play
from tests.tools.model.measured import FACTOR, Compared, compare
from tests.tools.model.parameters import Argo, Help, Load, Node, Parameters
from tests.tools.model.points import Point

BURST = Point(rate=100, help=True, cores=8, places=10).parameters
ALONE = replace(BURST, help=Help(pushes=0))


def test_equal_parameters_give_an_equal_outcome() -> None:
    assert play(BURST) == play(BURST)


def test_another_seed_gives_another_outcome() -> None:
    assert play(BURST) != play(replace(BURST, seed=2))


@pytest.mark.parametrize("parameters", [BURST, ALONE, replace(BURST, load=Load(pushes=100, tasks=7))])
def test_every_push_has_its_agents_gone_then_its_labels_then_its_workflow_ended(parameters: Parameters) -> None:
    outcome = play(parameters)
    assert len(outcome.waits) == 100
    assert outcome.waits[0] > 0
    assert outcome.terminating < outcome.gone < outcome.settled < outcome.ended


def test_without_help_each_push_is_executed_by_its_own_pod() -> None:
    outcome = play(ALONE)
    assert (outcome.pods, outcome.executions, outcome.helped) == (100, 100, 0)
    assert (outcome.github, outcome.sign_ins, outcome.kubernetes) == (700, 100, 2_100)


def test_with_help_each_push_still_needs_a_pod_but_not_an_execution_of_its_own() -> None:
    outcome = play(BURST)
    assert (outcome.pods, outcome.executions, outcome.github) == (100, 100, 700)
    assert outcome.helped + outcome.sign_ins == 100
    assert outcome.helped > 50


def test_pushes_to_one_task_are_coalesced() -> None:
    outcome = play(Parameters(load=Load(pushes=25, tasks=1, within_s=0)))
    assert outcome.executions <= 3
    assert outcome.pods <= 3


def test_help_stops_agents_earlier() -> None:
    assert play(BURST).percentile(95) < 0.1 * play(ALONE).percentile(95)


@pytest.mark.parametrize(
    "better",
    [
        replace(ALONE, argo=Argo(concurrent=20)),
        replace(ALONE, argo=Argo(requeue_s=1)),
        replace(ALONE, argo=Argo(concurrent=20, qps=100, burst=200), node=Node(cores=64)),
    ],
    ids=["places", "requeue time", "all"],
)
def test_more_of_what_is_scarce_is_faster(better: Parameters) -> None:
    assert play(better).percentile(95) < 0.8 * play(ALONE).percentile(95)


def test_more_of_what_is_plenty_changes_nothing() -> None:
    assert play(replace(ALONE, node=Node(cores=1_000))).ended == pytest.approx(play(ALONE).ended, rel=0.05)


def test_no_more_pods_run_than_the_semaphore_has_places() -> None:
    outcome = play(replace(ALONE, argo=Argo(concurrent=2)))
    assert outcome.ended > 100 / 2 * (Argo().requeue_s + Argo().notify_s) - 20


def test_the_sensor_creates_at_most_five_workflows_a_second() -> None:
    unlimited = Argo(concurrent=10_000, qps=100_000, burst=100_000)
    fast = replace(BURST, load=Load(pushes=1_000), node=Node(cores=10_000), argo=unlimited)
    assert play(fast).gone > 1_000 / Argo().sensor_qps - 5


def named(compared: Compared) -> str:
    return f"{compared.point}, {compared.time}"


COMPARED = tuple(compare())


@pytest.mark.parametrize("compared", COMPARED, ids=named)
def test_the_model_is_within_its_factor_of_what_was_measured(compared: Compared) -> None:
    assert 1 / FACTOR <= compared.ratio <= FACTOR


def test_enough_was_measured_to_compare_with() -> None:
    assert len(COMPARED) > 20
    assert sum(not compared.fitted for compared in COMPARED) >= 8
    assert {"terminating", "gone", "settled", "ended"} == {compared.time for compared in COMPARED}


def test_percentiles_are_of_pushes() -> None:
    outcome: Outcome = play(BURST)
    assert outcome.percentile(0) == outcome.waits[0]
    assert outcome.percentile(100) == outcome.waits[-1]

"""Any order of events that Hypothesis thinks of; what it finds, it prints as a few lines of Python."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.doubles.platform.runs import TESS
from tests.simulation import plants
from tests.simulation.invariants import always
from tests.simulation.machine import Task
from tests.simulation.plants import Plant

pytestmark = pytest.mark.timeout(300)

TestTask = Task.TestCase
# The same examples each time: new ones are for `make soak`, not for somebody who has changed something else.
TestTask.settings = settings(
    max_examples=80,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(plants.keeps_its_epoch, id="epoch not raised"),
        pytest.param(plants.knows_no_exempt_agent, id="exempt agents forgotten"),
        pytest.param(plants.proves_nothing, id="labels before the proof"),
        pytest.param(plants.forgets_what_a_run_owns, id="owned runs forgotten"),
        pytest.param(plants.lets_nobody_probe, id="breaker never closed"),
    ],
)
def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    found = settings(parent=TestTask.settings, max_examples=300, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Task, settings=found)


# Two orders that chance seldom finds, as explicit steps.

# More than an attempt has.
CALLS = range(1, 60)


def overtaken(*, call: int) -> list[str]:
    """What does not hold if a pod stops at one of its calls, and a newer push's goes all the way meanwhile."""
    task = Task()
    task.an_agent_starts(agent=TESS)
    for which in range(2):
        task.time_passes(seconds=5)
        task.somebody_pushes()
        task.a_webhook_comes(which=which)
    task.a_pod_is_paused_and_another_runs(which=0, other=1, call=call)
    return [each.invariant for each in always(task.story)]


def turned_round() -> list[str]:
    """What does not hold if an older push's webhook comes later, and its pod runs first."""
    task = Task()
    for _ in range(2):
        task.somebody_pushes()
        task.time_passes(seconds=5)
    for which in (1, 0):
        task.a_webhook_comes(which=which)
        task.time_passes(seconds=5)
    task.a_pod_runs(which=1)
    return [each.invariant for each in always(task.story)]


def test_a_pod_that_is_overtaken_at_any_call_is_fenced_off_though_its_clock_stood_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plants.believes_in_its_hold_for_ever(monkeypatch)
    assert [found for call in CALLS for found in overtaken(call=call)] == []


def test_a_state_that_is_written_in_any_epoch_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plants.writes_state_of_any_epoch(monkeypatch)
    assert "the state's epoch never goes back" in [found for call in CALLS for found in overtaken(call=call)]


def test_pushes_that_are_turned_round_do_not_take_the_watermark_back() -> None:
    assert turned_round() == []


def test_a_watermark_that_goes_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plants.lets_the_watermark_go_back(monkeypatch)
    assert turned_round() == ["the watermark never goes back"]

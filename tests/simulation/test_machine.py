"""Any order of events that Hypothesis thinks of; what it finds, it tells as a few lines of Python."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from steps.kube import CONFIG_MAPS
from tests.simulation import plants
from tests.simulation.machine import Task
from tests.simulation.plants import Plant, blind_writes

pytestmark = pytest.mark.timeout(600)

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
        pytest.param(blind_writes(CONFIG_MAPS), id="state without compare-and-swap"),
        pytest.param(plants.keeps_its_epoch, id="epoch not raised"),
        pytest.param(plants.knows_no_exempt_agent, id="exempt agents forgotten"),
        pytest.param(plants.proves_nothing, id="labels before the proof"),
    ],
)
def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> None:
    plant(monkeypatch)
    found = settings(parent=TestTask.settings, max_examples=2000, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Task, settings=found)

"""Several servers behind one address, whose clocks differ, and caches: a run on the new code goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from steps.core.errors import Exit
from steps.domain.watermark import RESOLUTION_S
from tests.doubles.github import cached, dated
from tests.doubles.github.faults import Fault as GitHubFault
from tests.doubles.kubernetes import Fault
from tests.support.harness import DEFAULTS, NEW, Scene

RESOLUTION = timedelta(seconds=RESOLUTION_S)
DIFFER = "come from clocks that differ"


def late_push(scene: Scene) -> str:
    """A stale agent, a push, an agent on its code five seconds later, and a late Workflow; returns the new agent."""
    scene.later(DEFAULTS.push.tolerance_s + 10)
    scene.agent()
    scene.later(DEFAULTS.push.tolerance_s + 10)
    scene.github.push("task-7-work", NEW)
    pushed_at = scene.clock.now()
    scene.later(5)
    new: str = scene.agent()["metadata"]["name"]
    scene.later(25)
    assert scene.play(scene.workflow(pushed_at=pushed_at)) is Exit.DONE
    return new


def warnings(scene: Scene) -> list[str]:
    return [str(line["event"]) for line in scene.events() if line["level"] == "warning"]


def test_one_of_three_api_servers_whose_clock_is_ahead_makes_no_newer_run_stale(scene: Scene) -> None:
    for nth in range(2, 200, 3):
        scene.api.faults.add(Fault(nth=nth, ahead_s=6))
    new = late_push(scene)
    assert scene.runs() == {new}
    assert scene.record().watermark <= scene.record().push.pushed_at - RESOLUTION
    assert [each for each in warnings(scene) if DIFFER in each and "the API server" in each]


@pytest.mark.parametrize("fault", [dated(20), cached(20)], ids=["one server is late", "a cache answers once"])
def test_one_old_answer_of_github_makes_no_newer_run_stale(scene: Scene, fault: GitHubFault) -> None:
    scene.github.fault(fault, method="GET", path="/pulls")
    new = late_push(scene)
    assert scene.runs() == {new}
    assert scene.record().watermark <= scene.record().push.pushed_at - RESOLUTION


def test_if_only_a_cache_tells_githubs_time_runs_within_the_tolerance_are_kept(scene: Scene) -> None:
    scene.github.fault(cached(20), times=1e9)
    new = late_push(scene)
    assert scene.runs() == {new}
    lowest = timedelta(seconds=DEFAULTS.push.tolerance_s)
    assert scene.record().watermark == scene.record().push.pushed_at - RESOLUTION - lowest
    assert [each for each in warnings(scene) if "has a date of its own" in each]


@pytest.mark.parametrize(("ahead_s", "reads"), [(0, 1), (2, 1), (6, 2)])
def test_an_api_server_that_is_ahead_of_github_costs_one_further_read(scene: Scene, ahead_s: int, reads: int) -> None:
    """It may be GitHub's answer that is old. The second answer says the same, so the difference counts."""
    scene.api.faults.add(Fault(times=0, ahead_s=ahead_s))
    assert late_push(scene) in scene.runs()
    assert len([each for each in scene.github.calls if (each.method, each.path[-6:]) == ("GET", "/pulls")]) == reads
    assert scene.record().watermark == scene.record().push.pushed_at - RESOLUTION + timedelta(seconds=ahead_s)
    assert not [each for each in warnings(scene) if DIFFER in each]

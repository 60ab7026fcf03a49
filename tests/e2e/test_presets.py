"""Each preset on its real controller: Tekton, agent-sandbox, the cluster's own; pods end before the labels move."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from pipelines.settings import read_settings
from steps.domain.agent import RunOutcome
from tests.doubles.platform.runs import REX
from tests.e2e.provision import agent_sandbox, tekton
from tests.e2e.provision.cluster import Cluster, up
from tests.e2e.provision.starting import apply
from tests.e2e.support.agents import AgentBehaviour
from tests.e2e.support.fleet import IGNORES_SIGTERM, Fleet
from tests.e2e.support.installation import install, settings_for
from tests.e2e.support.moments import next_second, submitted
from tests.e2e.support.outcome import settled
from tests.e2e.support.stage import Stage
from tests.support.definitions import POD_GROUP
from tests.support.documented_kinds import TABLES
from tests.support.doubt import wait_out_doubt

pytestmark = [pytest.mark.own_cluster, pytest.mark.timeout(240, func_only=True)]

# Those that stay when they are stopped, and what remains of them.
STAY = {"tekton-pipeline-run", "deployment", "stateful-set"}
PRESETS = [
    "tekton-pipeline-run",
    "sandbox",
    "sandbox-claim",
    "deployment",
    "stateful-set",
    "pod",
    "pod-group",
]
FORCED_AFTER_S = 8


@pytest.fixture(scope="module")
def controllers(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every controller runs, and the project knows of all kinds, until these tests have ended."""
    folder = tmp_path_factory.mktemp("presets")
    agent_sandbox.install(cluster)
    tekton.install(cluster)
    apply(cluster.kubectl, [POD_GROUP])
    changes = {"grace_s = 30 ": f"grace_s = {FORCED_AFTER_S} "}
    settings_for(cluster.host, cluster.image, folder=folder, changes=changes)
    path = folder / "settings.toml"
    path.write_text("\n".join([path.read_text(), *(TABLES[preset] for preset in PRESETS)]))
    install(cluster.kubectl, read_settings(path), folder=folder / "rendered")
    yield
    tekton.remove(cluster)
    agent_sandbox.remove(cluster)
    up(None)


@pytest.fixture
def new_fleet(controllers: None, stage: Stage) -> Iterator[Callable[[str], Fleet]]:
    """Makes fleets of presets; their agents end with the test."""
    del controllers
    made: list[Fleet] = []

    def make(preset: str) -> Fleet:
        made.append(Fleet(stage=stage, preset=preset))
        return made[-1]

    yield make
    for fleet in made:
        fleet.clear()


def pods_at_label(stage: Stage, fleet: Fleet, run: str) -> list[set[str]]:
    """The pods of a run that are there when the new label is added, once it has been."""
    seen: list[set[str]] = []
    path = f"/issues/{stage.pull_request}/labels$"
    stage.github.before(lambda: seen.append(fleet.pods(run)), method="POST", path=path)
    return seen


def pushed(stage: Stage) -> str:
    """Push, once all agents are certainly older; the Workflow's name."""
    wait_out_doubt(time.time())
    return submitted(stage, stage.push())


@pytest.mark.parametrize("preset", PRESETS)
def test_a_stale_run_of_each_preset_is_stopped_and_its_pods_are_gone_before_the_labels_move(
    new_fleet: Callable[[str], Fleet], stage: Stage, preset: str
) -> None:
    fleet = new_fleet(preset)
    stale = fleet.start("stale", how=AgentBehaviour(exit_after_s=2.0))
    exempt = fleet.start("exempt", REX)
    seen = pods_at_label(stage, fleet, stale)
    name = pushed(stage)
    next_second()
    next_second()
    newer = fleet.start("newer", commit=1)
    stage.reaches(name, "Succeeded")

    record = settled(stage)
    assert seen == [set()]
    assert (fleet.heard("SIGTERM", stale), fleet.heard("exit", stale)) == (True, True)
    assert not any(fleet.heard("SIGTERM", each) for each in (exempt, newer))
    assert fleet.there() == {exempt, newer} | ({stale} if preset in STAY else set())
    outcomes = {agent["name"]: agent["outcome"] for agent in record["agents"]}
    assert outcomes[stale] == (RunOutcome.FINISHED if preset in STAY else RunOutcome.GONE)
    assert outcomes[exempt] == RunOutcome.KEPT
    # The newer one may have come after the step had listed the runs.
    assert outcomes.get(newer, RunOutcome.KEPT) == RunOutcome.KEPT


@pytest.mark.parametrize("preset", PRESETS)
def test_a_pod_that_ignores_sigterm_is_forced_however_far_it_is_from_its_run(
    new_fleet: Callable[[str], Fleet], stage: Stage, preset: str
) -> None:
    """Tekton says that a run is cancelled, and a Deployment that it has no replicas, while the pod still works."""
    fleet = new_fleet(preset)
    stale = fleet.start("ignoring", how=IGNORES_SIGTERM)
    seen = pods_at_label(stage, fleet, stale)
    name = pushed(stage)
    began = time.monotonic()
    stage.reaches(name, "Succeeded")

    settled(stage)
    assert seen == [set()]
    assert time.monotonic() - began >= FORCED_AFTER_S
    assert (fleet.heard("SIGTERM", stale), fleet.heard("exit", stale)) == (True, False)


@pytest.mark.parametrize("preset", ["deployment", "stateful-set"])
def test_a_run_that_is_scaled_up_again_for_the_head_goes_on_working(
    new_fleet: Callable[[str], Fleet], stage: Stage, preset: str
) -> None:
    fleet = new_fleet(preset)
    run = fleet.start("again")
    stage.reaches(pushed(stage), "Succeeded")
    settled(stage)
    assert (fleet.get(run)["spec"]["replicas"], fleet.pods(run)) == (0, set())
    fleet.scale_up(run, commit=1)
    stage.until(lambda: bool(fleet.pods(run)), what="the new pod is there")
    (pod,) = fleet.pods(run)
    again = stage.push()
    stage.reaches(submitted(stage, again), "Succeeded")
    assert (fleet.get(run)["spec"]["replicas"], fleet.pods(run)) == (1, {pod})

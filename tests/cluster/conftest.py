"""Fixtures of the cluster tier: one real cluster, whichever runs or a new one, and a task in it for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.cluster.agents import PodController
from tests.cluster.argo import Options
from tests.cluster.cluster import Cluster, configure, up
from tests.cluster.installation import GITHUB_PORT, TOKEN
from tests.cluster.stage import REPOSITORY, Stage
from tests.cluster.witness import Witness, listening
from tests.doubles import github as github_double
from tests.doubles.platform.platform import runs_path
from tests.doubles.platform.running import running

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests; what has to be built or started does not count against their time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(180, func_only=True))
    # Tests that want the same of Argo come together: its controller takes half a minute to change.
    items.sort(key=lambda item: str(_options(item)))


def _options(item: pytest.Item) -> Options:
    """What a test wants of Argo, by its mark `argo`; unless it says otherwise, that Argo be quick."""
    mark = item.get_closest_marker("argo")
    return Options(**{"fast": True} | (dict(mark.kwargs) if mark else {}))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster, which stays up afterwards: `make cluster-down` ends it."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        return up(None)


@pytest.fixture(autouse=True)
def _argo(request: pytest.FixtureRequest, cluster: Cluster) -> None:
    """Argo as the test wants it."""
    configure(cluster, _options(request.node))


@pytest.fixture(scope="session")
def witness(cluster: Cluster) -> Iterator[Witness]:
    """Who hears what agents say."""
    with listening(cluster.network.machine) as found:
        yield found


@pytest.fixture(scope="session")
def github(cluster: Cluster) -> Iterator[github_double.GitHub]:
    """A GitHub double where the steps look for GitHub."""
    double = github_double.GitHub()
    double.add_repository(REPOSITORY, labels=["ready-for-qa", "remediation-in-progress", "skip-automation"])
    double.add_token(TOKEN)
    with github_double.serve(double, host=cluster.network.machine, port=GITHUB_PORT):
        yield double


@pytest.fixture(scope="session")
def platform(cluster: Cluster, witness: Witness) -> Iterator[PodController]:
    """The platform's controller, at work."""
    client = cluster.client()
    controller = PodController(
        client=client,
        namespace=cluster.settings.namespaces.agents,
        image=cluster.images.python.name,
        witness=witness,
    )
    with running(controller, every_s=0.1):
        yield controller
    client.close()


@pytest.fixture
def new_stage(
    cluster: Cluster, github: github_double.GitHub, witness: Witness, platform: PodController
) -> Iterator[Callable[[], Stage]]:
    """Makes tasks, each ready for QA; their agents end with the test."""
    del platform
    client, made = cluster.client(), []

    def make() -> Stage:
        stage = Stage(cluster=cluster, client=client, github=github, witness=witness, url=cluster.webhook)
        stage.set_up()
        made.append(stage)
        return stage

    yield make
    for stage in made:
        for run in stage.runs():
            client.request("DELETE", runs_path(stage.agents, run))
    client.close()


@pytest.fixture
def stage(new_stage: Callable[[], Stage]) -> Stage:
    """A task, ready for QA."""
    return new_stage()

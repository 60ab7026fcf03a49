"""Fixtures of the cluster tier: one real cluster, whichever runs or a new one, and a task in it for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.cluster.argo import Options
from tests.cluster.cluster import Cluster, configure, up
from tests.cluster.stage import Stage
from tests.cluster.surroundings import Surroundings, surroundings

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
def around(cluster: Cluster) -> Iterator[Surroundings]:
    """GitHub, the platform's controller, and who hears what agents say."""
    with surroundings(cluster) as found:
        yield found


@pytest.fixture
def new_stage(around: Surroundings) -> Iterator[Callable[[], Stage]]:
    """Makes tasks, each ready for QA; their agents end with the test."""
    made: list[Stage] = []

    def make() -> Stage:
        made.append(around.stage())
        return made[-1]

    yield make
    for stage in made:
        around.clear(stage)


@pytest.fixture
def stage(new_stage: Callable[[], Stage]) -> Stage:
    """A task, ready for QA."""
    return new_stage()

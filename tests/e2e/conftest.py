"""Fixtures of the cluster tier: one real cluster, whichever runs or a new one, and a task in it for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.e2e.provision.argo import Options
from tests.e2e.provision.cluster import Cluster, configure, up
from tests.e2e.provision.existing import SWITCH, given
from tests.e2e.provision.readiness import ClusterError
from tests.e2e.support.stage import Stage
from tests.e2e.support.surroundings import Surroundings, surroundings

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let these tests run in a cluster that somebody else runs."""
    parser.addoption(
        "--existing", action="store_true", help="in the cluster of KUBECONFIG: tests/e2e/provision/existing.py"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say at once what is missing for that.

    Raises:
        UsageError: The environment does not name all of it.
    """
    if config.getoption("--existing"):
        os.environ[SWITCH] = "1"
    try:
        given()
    except ClusterError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests; what has to be built or started does not count against their time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(180, func_only=True))
    known = given()
    for item in items if known else ():
        if reason := _not_there(item, referencing=known.referencing if known else ""):
            item.add_marker(pytest.mark.skip(reason=reason))
    # Tests that want the same of Argo come together: its controller takes half a minute to change.
    items.sort(key=lambda item: str(_options(item)))


def _not_there(item: pytest.Item, *, referencing: str) -> str:
    """Why a test cannot run in a cluster that somebody else runs; empty if it can."""
    if item.get_closest_marker("own_cluster"):
        return "kills servers, cuts the network or goes to pods directly: only in the cluster that these tests make"
    watermark = item.get_closest_marker("argo")
    wanted = watermark.kwargs.get("referencing", referencing) if watermark else referencing
    return "" if wanted == referencing else f"wants Argo's templateReferencing {wanted}: E2E_REFERENCING says otherwise"


def _options(item: pytest.Item) -> Options:
    """What a test wants of Argo, by its mark `argo`; unless it says otherwise, that Argo be quick."""
    watermark = item.get_closest_marker("argo")
    return Options(**{"fast": True} | (dict(watermark.kwargs) if watermark else {}))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster, which stays up afterwards: `make cluster-down` ends it."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        return up(None)


@pytest.fixture(autouse=True)
def _argo(request: pytest.FixtureRequest) -> None:
    """Argo as the test wants it. Tests of the provisioning itself need no cluster."""
    if HERE / "provision" not in request.path.parents:
        configure(request.getfixturevalue("cluster"), _options(request.node))


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

"""Fixtures that give tests a real control plane, started once for a session, and namespaces in it.

Guarantees: nothing is built or started unless a selected test asks for it; builds and starts do not count against a
test's time limit; every `namespace` is new and is deleted afterwards.
"""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.doubles.platform import Client, install_crd
from tests.integration.control_plane.binaries import find
from tests.integration.control_plane.server import ControlPlane, run

READY_DEADLINE_S = 20.0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the control plane, and limit only the test's own time: servers may have to be built first."""
    for item in items:
        if "control_plane" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.control_plane)
        if item.get_closest_marker("control_plane") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(60, func_only=True))


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """Yield a real control plane that serves CodeRuns: the one TEST_KUBECONFIG names, or a fresh one."""
    if given := os.environ.get("TEST_KUBECONFIG"):
        plane = ControlPlane(kubeconfig=Path(given).absolute())
        client = plane.client()
        install_crd(client)
        client.close()
        yield plane
        return
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        binaries = find()
    with run(binaries=binaries, prepare=install_crd) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """Yield the name of a new namespace in which pods can be created."""
    client = control_plane.client()
    name = new_namespace(client)
    yield name
    client.request("DELETE", f"/api/v1/namespaces/{name}")
    client.close()


def new_namespace(client: Client) -> str:
    """Create a namespace and wait until it has its default service account."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    client.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    deadline = time.monotonic() + READY_DEADLINE_S
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    while client.request("GET", path).status != 200:
        assert time.monotonic() < deadline, f"namespace {name} got no service account in time"
        time.sleep(0.02)
    return name

"""The servers that contract tests compare: the double over HTTP and the real one."""

from collections.abc import Iterator

import pytest

from tests.doubles.kubernetes import ApiServer, serve
from tests.doubles.kubernetes.tests.cluster import Cluster
from tests.doubles.platform import Client, install_crd
from tests.integration.control_plane.fixtures import (
    control_plane,
    namespace,
    new_namespace,
    pytest_collection_modifyitems,
)
from tests.integration.control_plane.server import ControlPlane

__all__ = ["control_plane", "namespace", "pytest_collection_modifyitems"]
DOUBLE_NAMESPACE = "t-double"


def expire(plane: ControlPlane) -> None:
    """Compact etcd; a cluster of TEST_KUBECONFIG is left as it is."""
    if plane.etcd_url is None:
        pytest.skip("the etcd of a given cluster must not be compacted by a test")
    plane.compact()


@pytest.fixture(params=["double", pytest.param("real", marks=pytest.mark.control_plane)])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Yield each server in turn, with the CodeRun kind installed and a new namespace."""
    if request.param == "double":
        api = ApiServer(namespaces=("default", DOUBLE_NAMESPACE))
        with serve(api) as url:
            client = Client(url=url, user_agent="tests")
            install_crd(client)
            yield Cluster(client=client, namespace=DOUBLE_NAMESPACE, is_double=True, expire_history=api.compact)
            client.close()
        return
    plane: ControlPlane = request.getfixturevalue("control_plane")
    client = plane.client()
    name = new_namespace(client)
    yield Cluster(client=client, namespace=name, is_double=False, expire_history=lambda: expire(plane))
    client.request("DELETE", f"/api/v1/namespaces/{name}")
    client.close()

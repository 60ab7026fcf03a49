"""The control plane itself: what it must be for other tests to mean something."""

from pathlib import Path

from tests.doubles.platform import Client
from tests.integration.control_plane.server import ControlPlane


def test_a_service_account_may_do_only_what_it_is_granted(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    admin = control_plane.client()
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    version = "rbac.authorization.k8s.io/v1"
    admin.ask("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "reader"}})
    role = {"apiVersion": version, "kind": "Role", "metadata": {"name": "reader"}, "rules": rules}
    admin.ask("POST", f"{rbac}/roles", role)
    binding = {
        "apiVersion": version,
        "kind": "RoleBinding",
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    admin.ask("POST", f"{rbac}/rolebindings", binding)
    admin.close()
    path = control_plane.service_account_kubeconfig(namespace, "reader", tmp_path / "kubeconfig")
    reader = Client.from_kubeconfig(path)
    configmaps = f"/api/v1/namespaces/{namespace}/configmaps"
    assert reader.request("GET", configmaps).status == 200
    refused = reader.request("DELETE", f"{configmaps}/a")
    assert (refused.status, refused.reason) == (403, "Forbidden")
    assert f'User "system:serviceaccount:{namespace}:reader" cannot delete resource' in refused.body["message"]
    reader.close()


def test_the_control_plane_says_which_version_it_is(control_plane: ControlPlane) -> None:
    client = control_plane.client()
    assert client.ask("GET", "/version")["gitVersion"].startswith("v1.")
    client.close()

"""Argo as a person uses it: its command, and its server's API with the token of a person's account.

Guarantees: what is done here is what the UI does; the account may create, read and change Workflows and nothing else.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from tests.e2e.provision.cluster import Cluster

PERSON = "a-person"
_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


class ArgoRefusedError(Exception):
    """Argo did not do what it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoClient:
    """One person's way to Argo."""

    cluster: Cluster
    command: Path
    server: str
    token: str

    @property
    def environment(self) -> dict[str, str]:
        """What makes the `argo` command, and this project's, go through Argo Server."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.cluster.folder),
            "ARGO_SERVER": self.server,
            "ARGO_TOKEN": f"Bearer {self.token}",
            "ARGO_SECURE": "true",
            "ARGO_INSECURE_SKIP_VERIFY": "true",
            "ARGO_NAMESPACE": self.cluster.settings.namespaces.workflows,
        }

    def run(self, *words: str) -> str:
        """Run the `argo` command; its output.

        Raises:
            ArgoRefusedError: It failed.
        """
        done = subprocess.run(
            [str(self.command), *words], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise ArgoRefusedError(f"argo {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> urllib3.BaseHTTPResponse:
        """Send a request to Argo Server, as the UI does."""
        pool = urllib3.PoolManager(cert_reqs="CERT_NONE", assert_hostname=False, retries=False, timeout=20.0)
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        headers = {"Authorization": f"Bearer {self.token}"}
        return pool.request(method, f"https://{self.server}/api/v1{path}", json=body, headers=headers)

    def retry(self, name: str, *, by: str) -> None:
        """Retry a Workflow, by the server's API as the UI does, or by the command.

        Raises:
            ArgoRefusedError: It may not be retried.
        """
        if by == "command":
            self.run("retry", name)
            return
        namespace = self.cluster.settings.namespaces.workflows
        answer = self.ask("PUT", f"/workflows/{namespace}/{name}/retry", {})
        if answer.status != 200:
            raise ArgoRefusedError(answer.data.decode()[:500])


def person(cluster: Cluster) -> ArgoClient:
    """Make the account of a person who may use Workflows, and connect as it."""
    namespace = cluster.settings.namespaces.workflows
    metadata = {"name": PERSON, "namespace": namespace}
    client = cluster.client()
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    client.request("POST", accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    rules = [
        {"apiGroups": ["argoproj.io"], "resources": ["workflows", "workflowtemplates"], "verbs": _VERBS},
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list", "watch", "delete"]},
    ]
    version = "rbac.authorization.k8s.io/v1"
    client.request(
        "POST", f"{rbac}/roles", {"apiVersion": version, "kind": "Role", "metadata": metadata, "rules": rules}
    )
    binding = {
        "apiVersion": version,
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": PERSON},
        "subjects": [{"kind": "ServiceAccount", "name": PERSON, "namespace": namespace}],
    }
    client.request("POST", f"{rbac}/rolebindings", binding)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
    token = client.ask("POST", f"{accounts}/{PERSON}/token", request)["status"]["token"]
    client.close()
    server = cluster.reach("argo-server", namespace=cluster.argo_namespace, port=2746)
    return ArgoClient(cluster=cluster, command=cluster.argo_command, server=server, token=token)

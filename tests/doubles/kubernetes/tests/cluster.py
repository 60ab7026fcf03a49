"""One handle on either server, so that each contract test is written once.

Guarantees: `cluster.namespace` is new; what a test creates in it belongs to that test alone.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.doubles.platform import Client, JobController, Reply
from tests.doubles.platform.running import Steps

DEADLINE_S = 45.0
JsonObject = dict[str, Any]
CORE = {"configmaps", "pods", "secrets", "events", "serviceaccounts"}
GROUPS = {"leases": "coordination.k8s.io/v1", "jobs": "batch/v1", "coderuns": "agents.platform/v1"}
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A server under test."""

    client: Client
    namespace: str
    is_double: bool
    expire_history: Callable[[], None]

    def path(self, plural: str, name: str = "", subresource: str = "", *, namespace: str | None = None) -> str:
        """Return the path of a collection or an object in the test's namespace."""
        root = "/api/v1" if plural in CORE else f"/apis/{GROUPS[plural]}"
        tail = "".join(f"/{each}" for each in (name, subresource) if each)
        return f"{root}/namespaces/{self.namespace if namespace is None else namespace}/{plural}{tail}"

    def post(self, plural: str, body: JsonObject, **query: str) -> Reply:
        """Create an object."""
        return self.client.request("POST", self.path(plural), body, query=query)

    def get(self, plural: str, name: str) -> Reply:
        """Read an object."""
        return self.client.request("GET", self.path(plural, name))

    def put(self, plural: str, name: str, body: JsonObject, *, subresource: str = "", **query: str) -> Reply:
        """Replace an object."""
        return self.client.request("PUT", self.path(plural, name, subresource), body, query=query)

    def patch(
        self,
        plural: str,
        name: str,
        patch: Any,  # noqa: ANN401 - JSON is any value
        *,
        subresource: str = "",
        content_type: str = MERGE_PATCH,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """Patch an object."""
        path = self.path(plural, name, subresource)
        return self.client.request("PATCH", path, patch, content_type=content_type, query=query)

    def delete(self, plural: str, name: str, options: JsonObject | None = None, **query: str) -> Reply:
        """Delete an object."""
        return self.client.request("DELETE", self.path(plural, name), options, query=query)

    def page(self, plural: str, **query: str) -> Reply:
        """List a collection of the test's namespace."""
        return self.client.request("GET", self.path(plural), query=query)

    def names(self, plural: str, **query: str) -> list[str]:
        """Return the names that a list holds."""
        return [item["metadata"]["name"] for item in self.page(plural, **query).body["items"]]

    def controllers(self) -> list[Steps]:
        """Return what must work beside the server: the double has no Job controller of its own."""
        return [JobController(client=self.client, namespace=self.namespace)] if self.is_double else []

    def eventually(self, true: Callable[[], object], *workers: Steps) -> None:
        """Let controllers work until something is true."""
        deadline = time.monotonic() + DEADLINE_S
        while not true():
            assert time.monotonic() < deadline, "did not become true in time"
            for each in (*self.controllers(), *workers):
                each.step()
            if not self.is_double:
                time.sleep(0.05)

    def is_gone(self, plural: str, name: str) -> bool:
        """Tell whether an object does not exist."""
        return self.get(plural, name).status == 404


def said(reply: Reply) -> tuple[int, str]:
    """Return what clients decide on: the status and the reason."""
    return reply.status, reply.reason


def config_map(name: str, *, data: Mapping[str, str] | None = None, **metadata: Any) -> JsonObject:  # noqa: ANN401 - JSON
    """Return a ConfigMap."""
    content = {"name": name, **metadata} if name else metadata
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": content, "data": dict(data or {})}


def lease(name: str, **spec: Any) -> JsonObject:  # noqa: ANN401 - JSON
    """Return a Lease."""
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}


def pod(name: str, **metadata: Any) -> JsonObject:  # noqa: ANN401 - JSON
    """Return a Pod that no service account token is mounted into."""
    spec = {"containers": [{"name": "main", "image": "none"}], "automountServiceAccountToken": False}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}, "spec": spec}


def job(name: str, **metadata: Any) -> JsonObject:  # noqa: ANN401 - JSON
    """Return a Job with one pod."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **metadata},
        "spec": {"template": template},
    }


def owner_of(item: JsonObject, *, block: bool = True) -> list[JsonObject]:
    """Return the owner references that make an object own another."""
    reference = {key: item[key] for key in ("apiVersion", "kind")}
    identity = {key: item["metadata"][key] for key in ("name", "uid")}
    return [{**reference, **identity, "controller": True, "blockOwnerDeletion": block}]

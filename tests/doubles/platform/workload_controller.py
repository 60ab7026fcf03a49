"""The controllers of Deployments, ReplicaSets and StatefulSets, for the Kubernetes double only.

Guarantees: an object that is not being deleted has as many pods as its `spec.replicas` says, or they are being made or
deleted; a Deployment has them through a ReplicaSet. Not guaranteed: rollouts, status, the order of pods.
"""

from dataclasses import dataclass

from tests.doubles.platform.client import MERGE_PATCH, Client, JsonObject
from tests.doubles.platform.job_controller import FINISHED, owned_by


@dataclass(slots=True, kw_only=True)
class WorkloadController:
    """The controllers of one namespace."""

    client: Client
    namespace: str

    def step(self) -> None:
        """Process every object once."""
        for deployment in self._listed("deployments"):
            self._scale_replica_set(deployment)
        pods = self.client.ask("GET", self._pods())["items"]
        for plural in ("replicasets", "statefulsets"):
            for owner in self._listed(plural):
                self._scale(owner, [pod for pod in pods if owned_by(pod, owner["metadata"]["uid"])])

    def _scale_replica_set(self, deployment: JsonObject) -> None:
        own = [each for each in self._listed("replicasets") if owned_by(each, deployment["metadata"]["uid"])]
        wanted = deployment["spec"].get("replicas", 1)
        if not own:
            name, spec = f"{deployment['metadata']['name']}-5d59d67564", {**deployment["spec"], "replicas": wanted}
            metadata = {"name": name, "ownerReferences": [reference(deployment, kind="Deployment")]}
            self.client.request("POST", self._apps("replicasets"), {"metadata": metadata, "spec": spec})
        for each in own:
            if each["spec"]["replicas"] != wanted:
                path = self._apps("replicasets", each["metadata"]["name"])
                self.client.request("PATCH", path, {"spec": {"replicas": wanted}}, content_type=MERGE_PATCH)

    def _scale(self, owner: JsonObject, pods: list[JsonObject]) -> None:
        alive = [pod for pod in pods if pod.get("status", {}).get("phase") not in FINISHED]
        active = [pod for pod in alive if not pod["metadata"].get("deletionTimestamp")]
        wanted = owner["spec"].get("replicas", 1)
        for pod in active[wanted:]:
            self.client.request("DELETE", self._pods(pod["metadata"]["name"]))
        for _ in range(wanted - len(active)):
            template = owner["spec"]["template"]
            kind = "StatefulSet" if "serviceName" in owner["spec"] else "ReplicaSet"
            metadata = {**template["metadata"], "generateName": f"{owner['metadata']['name']}-"}
            metadata["ownerReferences"] = [reference(owner, kind=kind)]
            self.client.request("POST", self._pods(), {"metadata": metadata, "spec": template["spec"]})

    def _listed(self, plural: str) -> list[JsonObject]:
        found = self.client.ask("GET", self._apps(plural))["items"]
        return [each for each in found if not each["metadata"].get("deletionTimestamp")]

    def _apps(self, plural: str, name: str = "") -> str:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/{plural}"
        return f"{path}/{name}" if name else path

    def _pods(self, name: str = "") -> str:
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        return f"{path}/{name}" if name else path


def reference(owner: JsonObject, *, kind: str) -> JsonObject:
    """Refer to the controller of an object, as the built-in controllers do."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }

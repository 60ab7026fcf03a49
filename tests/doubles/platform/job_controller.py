"""The Job controller, for the Kubernetes double only: a real control plane has the real one.

Guarantees: an unfinished, unsuspended Job that is not being deleted has one pod; suspending deletes it; status follows.
Not guaranteed: parallelism, indexed completion, back-off, the pods' own finalizer.
"""

from dataclasses import dataclass

from tests.doubles.platform.client import MERGE_PATCH, Client, JsonObject

FINISHED = frozenset({"Succeeded", "Failed"})


@dataclass(slots=True, kw_only=True)
class JobController:
    """A controller of the Jobs in one namespace."""

    client: Client
    namespace: str

    def step(self) -> None:
        """Process every Job once."""
        pods = self.client.ask("GET", f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        for job in self.client.ask("GET", f"/apis/batch/v1/namespaces/{self.namespace}/jobs")["items"]:
            uid = job["metadata"]["uid"]
            self._handle(job, [pod for pod in pods if owned_by(pod, uid)])

    def _handle(self, job: JsonObject, pods: list[JsonObject]) -> None:
        if job["metadata"].get("deletionTimestamp") or job.get("status", {}).get("conditions"):
            return
        alive = [pod for pod in pods if pod.get("status", {}).get("phase") not in FINISHED]
        succeeded = [pod for pod in pods if pod.get("status", {}).get("phase") == "Succeeded"]
        failed = len(pods) - len(alive) - len(succeeded)
        status: JsonObject = {"active": len(alive), "succeeded": len(succeeded), "failed": failed, "ready": len(alive)}
        if job["spec"].get("suspend"):
            for pod in alive:
                if not pod["metadata"].get("deletionTimestamp"):
                    self.client.request("DELETE", self._pods(pod["metadata"]["name"]))
        elif succeeded or failed > job["spec"].get("backoffLimit", 6):
            kind = "Complete" if succeeded else "Failed"
            status["conditions"] = [{"type": kind, "status": "True"}]
        elif not alive:
            self.client.request("POST", self._pods(), pod_for(job))
        present = {key: job.get("status", {}).get(key, 0) for key in status}
        if present != status:
            path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{job['metadata']['name']}/status"
            self.client.request("PATCH", path, {"status": status}, content_type=MERGE_PATCH)

    def _pods(self, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods" + (f"/{name}" if name else "")


def owned_by(item: JsonObject, uid: str) -> bool:
    """Tell whether an object has an owner of this uid."""
    return any(each["uid"] == uid for each in item["metadata"].get("ownerReferences", ()))


def pod_for(job: JsonObject) -> JsonObject:
    """Return a pod of a Job."""
    metadata, template = job["metadata"], job["spec"]["template"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "generateName": f"{metadata['name']}-", "ownerReferences": [owner]},
        "spec": template["spec"],
    }

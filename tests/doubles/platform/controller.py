"""The platform's CodeRun controller: a finalizer and a Job for each run, and clean-up when a run is deleted.

Guarantees: one `step` processes every run of the namespace once; a conflict or a missing object is left to the next
step, as a real controller's work queue does; Jobs block the deletion of their run.
Not guaranteed: retries of failed runs, the agents' own work.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from tests.doubles.platform.client import MERGE_PATCH, Client, JsonObject
from tests.doubles.platform.crd import API_VERSION, FINALIZER, KIND
from tests.doubles.platform.platform import runs_path

FINISHED = frozenset({"Succeeded", "Failed"})


class Cleanup(Enum):
    """When the controller lets a deleted run go."""

    PROMPT = "once its Job is gone or being deleted"
    SLOW = "that, and not before `slow_s` seconds after the deletion was seen"
    HANGING = "never"


@dataclass(slots=True, kw_only=True)
class Controller:
    """A controller of the CodeRuns in one namespace."""

    client: Client
    namespace: str
    cleanup: Cleanup = Cleanup.PROMPT
    slow_s: float = 2.0
    grace_s: int = 30
    clock: Callable[[], float] = time.monotonic
    seen_deleting: dict[str, float] = field(default_factory=dict)

    def step(self) -> None:
        """Process every run once."""
        for run in self.client.ask("GET", runs_path(self.namespace))["items"]:
            if run["metadata"].get("deletionTimestamp"):
                self._let_go(run)
            elif run.get("status", {}).get("phase") not in FINISHED:
                self._keep_running(run)

    def _keep_running(self, run: JsonObject) -> None:
        metadata = run["metadata"]
        if FINALIZER not in metadata.get("finalizers", ()):
            finalizers = [*metadata.get("finalizers", ()), FINALIZER]
            path = runs_path(self.namespace, metadata["name"])
            patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata["resourceVersion"]}}
            reply = self.client.request("PATCH", path, patch, content_type=MERGE_PATCH)
            if reply.status != 200:
                return
            run = reply.body
        name = job_name(run)
        phase = run.get("status", {}).get("phase")
        if not phase:
            self.client.request("POST", self._jobs(), self.job(run))
            self._set_status(run, phase="Pending", job=name)
        elif phase == "Pending":
            job = self.client.request("GET", self._jobs(name))
            if job.status == 404:
                self.client.request("POST", self._jobs(), self.job(run))
            elif job.body.get("status", {}).get("active"):
                self._set_status(run, phase="Running", job=name)
        else:
            self._follow_job(run, name)

    def _follow_job(self, run: JsonObject, name: str) -> None:
        status = (self.client.request("GET", self._jobs(name)).body or {}).get("status", {})
        if not isinstance(status, dict):
            return
        if status.get("succeeded"):
            self._set_status(run, phase="Succeeded", job=name)
        elif any(each["type"] == "Failed" and each["status"] == "True" for each in status.get("conditions", ())):
            self._set_status(run, phase="Failed", job=name)

    def _let_go(self, run: JsonObject) -> None:
        metadata = run["metadata"]
        since = self.seen_deleting.setdefault(metadata["uid"], self.clock())
        if FINALIZER not in metadata.get("finalizers", ()) or self.cleanup is Cleanup.HANGING:
            return
        if self.cleanup is Cleanup.SLOW and self.clock() - since < self.slow_s:
            return
        job = self.client.request("GET", self._jobs(job_name(run)))
        owned = job.status == 200 and any(
            each["uid"] == metadata["uid"] for each in job.body["metadata"].get("ownerReferences", ())
        )
        if owned and not job.body["metadata"].get("deletionTimestamp"):
            options = {"propagationPolicy": "Foreground", "preconditions": {"uid": job.body["metadata"]["uid"]}}
            self.client.request("DELETE", self._jobs(job_name(run)), options)
            return
        kept = [each for each in metadata["finalizers"] if each != FINALIZER]
        patch = {"metadata": {"finalizers": kept, "resourceVersion": metadata["resourceVersion"]}}
        self.client.request("PATCH", runs_path(self.namespace, metadata["name"]), patch, content_type=MERGE_PATCH)

    def _set_status(self, run: JsonObject, *, phase: str, job: str) -> None:
        path = runs_path(self.namespace, run["metadata"]["name"], "status")
        self.client.request("PATCH", path, {"status": {"phase": phase, "jobName": job}}, content_type=MERGE_PATCH)

    def _jobs(self, name: str = "") -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs" + (f"/{name}" if name else "")

    def job(self, run: JsonObject) -> JsonObject:
        """Return the Job of a run."""
        metadata = run["metadata"]
        owner = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        container = {"name": "agent", "image": "agent:test", "command": ["agent"]}
        template = {
            "metadata": {"labels": metadata.get("labels", {})},
            "spec": {
                "containers": [container],
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": self.grace_s,
                "automountServiceAccountToken": False,
            },
        }
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": job_name(run),
                "labels": metadata.get("labels", {}),
                "ownerReferences": [owner],
            },
            "spec": {"backoffLimit": 0, "template": template},
        }


def job_name(run: JsonObject) -> str:
    """Return the name of a run's Job, which is a new one if a run of the same name was made anew."""
    metadata = run["metadata"]
    return f"{metadata['name'][:50]}-{metadata['uid'][:8]}"

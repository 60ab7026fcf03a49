"""Agents of one preset in the real cluster: objects of that kind, whose own controllers start the pods.

Guarantees: a pod reports when it works, when it gets SIGTERM, and when it ends; all pods of a run have one label,
whichever controller made them. Not guaranteed: more than one pod for each run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from steps.settings.agent_kinds import RunKind
from tests.doubles.platform.client import JsonObject
from tests.doubles.platform.runs import TESS
from tests.e2e.support.agent_reports import AGENT
from tests.e2e.support.agents import AgentBehaviour
from tests.e2e.support.stage import Stage, sha
from tests.e2e.support.task import FINISHED, REPOSITORY
from tests.support.documented_kinds import KINDS

_LABEL = "run-of"
_API_KINDS = {
    "tekton-pipeline-run": "PipelineRun",
    "sandbox": "Sandbox",
    "sandbox-claim": "SandboxClaim",
    "deployment": "Deployment",
    "stateful-set": "StatefulSet",
    "pod": "Pod",
    "pod-group": "PodGroup",
}


IGNORES_SIGTERM = AgentBehaviour(exit_after_s=86_400.0, grace_s=600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The agents of one task."""

    stage: Stage
    preset: str
    made: list[str] = field(default_factory=list)

    @property
    def kind(self) -> RunKind:
        """The kind, as the documentation has it."""
        return KINDS[self.preset]

    def start(self, name: str, agent: str = TESS, *, commit: int = 0, how: AgentBehaviour | None = None) -> str:
        """Start an agent that works on a task's nth commit, and wait until its pod works; its name."""
        full = f"{name}-{self.stage.task}"
        labels = {"task-id": str(self.stage.task), "agent": agent, "kind-of-work": "agent", _LABEL: full}
        notes = {"repository": REPOSITORY, "commit": sha(self.stage.task, commit)}
        metadata = {"name": full, "labels": labels, "annotations": notes}
        pod = self._pod(full, how or AgentBehaviour())
        self._around(full, pod)
        body = {"apiVersion": _version(self.kind.group, self.kind.version), "kind": _API_KINDS[self.preset]}
        self.stage.client.ask("POST", self._path(), {**body, "metadata": metadata, **_SPECS[self.preset](full, pod)})
        self.made.append(full)
        self.stage.until(lambda: self.heard("working", full), what=f"the pod of {self.preset} {full} works")
        return full

    def scale_up(self, full: str, *, commit: int) -> None:
        """Let a run that was scaled to zero work on the task's nth commit."""
        note = {"commit": sha(self.stage.task, commit)}
        patch = {"metadata": {"annotations": note}, "spec": {"replicas": 1}}
        self.stage.client.ask("PATCH", self._path(full), patch, content_type="application/merge-patch+json")

    def heard(self, what: str, full: str) -> bool:
        """Whether the pod of a run has said something."""
        return self.stage.agent_reports.when(what, f"{self.preset}-{full}") is not None

    def pods(self, full: str) -> set[str]:
        """Names of the pods of a run that have not ended, whatever owns them."""
        path, query = f"/api/v1/namespaces/{self.stage.agents}/pods", {"labelSelector": f"{_LABEL}={full}"}
        found = self.stage.client.ask("GET", path, query=query)["items"]
        return {each["metadata"]["name"] for each in found if each["status"]["phase"] not in FINISHED}

    def there(self) -> set[str]:
        """Names of the runs of the task that are there and not being deleted."""
        query = {"labelSelector": f"task-id={self.stage.task}"}
        found = self.stage.client.ask("GET", self._path(), query=query)["items"]
        return {each["metadata"]["name"] for each in found if "deletionTimestamp" not in each["metadata"]}

    def get(self, full: str) -> JsonObject:
        """A run."""
        return self.stage.client.ask("GET", self._path(full))

    def clear(self) -> None:
        """End all of them."""
        for full in self.made:
            self.stage.client.request("DELETE", self._path(full), {"propagationPolicy": "Background"})
            for pod in self.pods(full):
                path = f"/api/v1/namespaces/{self.stage.agents}/pods/{pod}"
                self.stage.client.request("DELETE", path, {"gracePeriodSeconds": 0})

    def _path(self, name: str = "") -> str:
        kind = self.kind
        plural = f"{_root(kind.group, kind.version)}/namespaces/{self.stage.agents}/{kind.plural}"
        return f"{plural}/{name}" if name else plural

    def _pod(self, full: str, how: AgentBehaviour) -> JsonObject:
        """The pod of a run: its labels and its spec."""
        agent_reports = self.stage.agent_reports
        says = f"{self.preset}-{full}"
        arguments = [says, agent_reports.host, str(agent_reports.port), str(how.exit_after_s), str(how.works_for_s)]
        container = {
            "name": "main",
            "image": self.stage.cluster.agent_image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-c", AGENT, *arguments],
        }
        spec = {"containers": [container], "terminationGracePeriodSeconds": int(how.grace_s)}
        return {"metadata": {"labels": {_LABEL: full}}, "spec": spec}

    def _around(self, full: str, pod: JsonObject) -> None:
        """Make what a run of this kind needs before it."""
        client, agents = self.stage.client, self.stage.agents
        body: JsonObject
        if self.preset == "sandbox-claim":
            kind = self.kind
            path = f"{_root(kind.group, kind.version)}/namespaces/{agents}/sandboxtemplates"
            body = {"apiVersion": _version(kind.group, kind.version), "kind": "SandboxTemplate"}
            client.ask("POST", path, {**body, "metadata": {"name": full}, "spec": {"podTemplate": pod}})
        if self.preset == "pod-group":
            labels = {**pod["metadata"]["labels"], "scheduling.x-k8s.io/pod-group": full}
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": full, "labels": labels}}
            client.ask("POST", f"/api/v1/namespaces/{agents}/pods", {**body, "spec": pod["spec"]})


def _version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def _root(group: str, version: str) -> str:
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def _pipeline_run(_: str, pod: JsonObject) -> JsonObject:
    """Its pods get its labels, and their spec from Tekton."""
    (container,) = pod["spec"]["containers"]
    tasks = [{"name": "work", "taskSpec": {"steps": [container]}}]
    grace = {"terminationGracePeriodSeconds": pod["spec"]["terminationGracePeriodSeconds"]}
    return {"spec": {"pipelineSpec": {"tasks": tasks}, "taskRunTemplate": {"podTemplate": grace}}}


def _workload(_: str, pod: JsonObject, **more: str) -> JsonObject:
    selector = {"matchLabels": pod["metadata"]["labels"]}
    return {"spec": {"replicas": 1, "selector": selector, "template": pod, **more}}


_SPECS: dict[str, Callable[[str, JsonObject], dict[str, Any]]] = {
    "tekton-pipeline-run": _pipeline_run,
    "sandbox": lambda _, pod: {"spec": {"podTemplate": pod}},
    "sandbox-claim": lambda full, _: {"spec": {"sandboxTemplateRef": {"name": full}}},
    "deployment": _workload,
    "stateful-set": lambda full, pod: _workload(full, pod, serviceName=full),
    "pod": lambda _, pod: {"spec": pod["spec"]},
    "pod-group": lambda _, __: {"spec": {"minMember": 1}},
}

"""Runs of each preset on the doubles, as the kind's own controller would leave them: what it owns, and one pod.

Guarantees: owner references are those of the real controllers (Tekton, agent-sandbox, the built-in ones).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from steps.kube.transport import Json
from steps.settings.agent_kinds import RunKind
from tests.doubles.platform.kubelet import FINISHED
from tests.doubles.platform.runs import TESS
from tests.doubles.platform.workload_controller import WorkloadController
from tests.support import ownership
from tests.support.definitions import POD_GROUP, SANDBOX, SANDBOX_CLAIM
from tests.support.documented_kinds import KINDS
from tests.support.harness import DEFAULTS, OLD, REPOSITORY, Scene
from tests.support.ownership import reference
from tests.support.scene.in_process import LocalClient

AGENTS = DEFAULTS.namespaces.agents[0]
_CONTAINER = {"name": "main", "image": "agent:1"}
# What a pod's labels say whose it is.
_RUN = "run-of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One kind, and how a run of it comes to be."""

    name: str
    object_kind: str
    start: Callable[[Scene, Json], None]

    @property
    def kind(self) -> RunKind:
        """The kind, as the documentation has it."""
        return KINDS[self.name]

    def run(
        self,
        scene: Scene,
        name: str,
        *,
        agent: str = TESS,
        commit: str = OLD,
        task: str = "7",
        branch: str = "",
        repository: str = REPOSITORY,
        namespace: str = AGENTS,
    ) -> Json:
        """Start a run, and let its pod work; the run. Without a task, it names only its branch."""
        labels = {"task-id": task, "agent": agent, "kind-of-work": "agent", _RUN: name}
        labels = {key: value for key, value in labels.items() if value}
        notes = {"repository": repository, "commit": commit, "branch": branch}
        metadata = {"name": name, "namespace": namespace, "labels": labels, "annotations": notes}
        group, version = self.kind.group, self.kind.version
        body = {"apiVersion": f"{group}/{version}" if group else version, "kind": self.object_kind}
        self.start(scene, {**body, "metadata": metadata, "spec": {}})
        scene.later(1)
        return scene.api.get(self.kind.plural, name, namespace=namespace)


def pods_of(scene: Scene, name: str, *, namespace: str = AGENTS) -> set[str]:
    """Names of the pods of a run that have not ended, whatever owns them."""
    pods = scene.api.list("pods", namespace=namespace, labels=f"{_RUN}={name}")
    return {pod["metadata"]["name"] for pod in pods if pod.get("status", {}).get("phase") not in FINISHED}


def kinds_of(scene: Scene, preset: Preset) -> set[str]:
    """Names of the runs of a preset that are there."""
    found = scene.api.list(preset.kind.plural, namespace=AGENTS, labels="kind-of-work=agent")
    return {each["metadata"]["name"] for each in found}


def _pod(scene: Scene, body: Json, *owners: Json, **labels: str) -> None:
    name = body["metadata"]["name"]
    ownership.pod(scene, f"{name}-pod", *owners, labels={_RUN: name, **labels})


def _installed(scene: Scene, definition: Json) -> None:
    if not scene.api.find("customresourcedefinitions", definition["metadata"]["name"]):
        scene.api.create(definition)


def _job(scene: Scene, body: Json) -> None:
    spec = {"restartPolicy": "Never", "containers": [_CONTAINER]}
    template = {"metadata": {"labels": {_RUN: body["metadata"]["name"]}}, "spec": spec}
    scene.api.create({**body, "spec": {"template": template}})


def _workflow(scene: Scene, body: Json) -> None:
    run = scene.api.create({**body, "spec": {"entrypoint": "main"}, "status": {"phase": "Running"}})
    _pod(scene, body, run)


def _pipeline_run(scene: Scene, body: Json) -> None:
    metadata = dict(body["metadata"])
    name = metadata.pop("name")
    run = ownership.pipeline_run(scene, name, **metadata)
    _pod(scene, body, ownership.task_run(scene, f"{name}-work", run), **{"tekton.dev/pipelineRun": name})


def _sandbox(scene: Scene, body: Json) -> None:
    _installed(scene, SANDBOX)
    _pod(scene, body, scene.api.create(body))


def _claim(scene: Scene, body: Json) -> None:
    _installed(scene, SANDBOX)
    _installed(scene, SANDBOX_CLAIM)
    claim = scene.api.create(body)
    own = body["metadata"]
    metadata = {"name": own["name"], "namespace": own["namespace"], "ownerReferences": [reference(claim)]}
    sandbox = {"apiVersion": "agents.x-k8s.io/v1alpha1", "kind": "Sandbox", "metadata": metadata, "spec": {}}
    _pod(scene, body, scene.api.create(sandbox))


def _workload(scene: Scene, body: Json, **more: Any) -> None:  # noqa: ANN401 - JSON
    controller = WorkloadController(client=LocalClient(scene.api), namespace=body["metadata"]["namespace"])
    scene.clock.every(controller.step)
    labels = {_RUN: body["metadata"]["name"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [_CONTAINER]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template, **more}
    scene.api.create({**body, "spec": spec})


def _plain_pod(scene: Scene, body: Json) -> None:
    scene.api.create({**body, "spec": {"containers": [_CONTAINER]}})


def _pod_group(scene: Scene, body: Json) -> None:
    _installed(scene, POD_GROUP)
    scene.api.create(body)
    _pod(scene, body, **{"scheduling.x-k8s.io/pod-group": body["metadata"]["name"]})


PRESETS = (
    Preset(name="job", object_kind="Job", start=_job),
    Preset(name="argo-workflow", object_kind="Workflow", start=_workflow),
    Preset(name="tekton-pipeline-run", object_kind="PipelineRun", start=_pipeline_run),
    Preset(name="sandbox", object_kind="Sandbox", start=_sandbox),
    Preset(name="sandbox-claim", object_kind="SandboxClaim", start=_claim),
    Preset(name="deployment", object_kind="Deployment", start=_workload),
    Preset(name="stateful-set", object_kind="StatefulSet", start=partial(_workload, serviceName="agents")),
    Preset(name="pod", object_kind="Pod", start=_plain_pod),
    Preset(name="pod-group", object_kind="PodGroup", start=_pod_group),
)

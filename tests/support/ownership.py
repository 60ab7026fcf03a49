"""Owners between a run and its pods: Tekton's kinds, as far as owners go, and objects with owners.

Guarantees: an owner reference is as controllers write it, with `blockOwnerDeletion`, unless a test says otherwise.
"""

from __future__ import annotations

from typing import Any

from steps.kube.transport import Json
from tests.support.harness import DEFAULTS, Scene

AGENTS = DEFAULTS.namespaces.agents[0]
TASK_RUNS = "tekton.dev/v1/taskruns"


def _tekton(kind: str) -> Json:
    """One of Tekton's kinds, which keeps any field."""
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.tekton.dev"},
        "spec": {
            "group": "tekton.dev",
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


_CONTAINER = {"name": "main", "image": "agent:1"}


def reference(owner: Json, *, block: bool = True) -> Json:
    """A reference to an owner."""
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "blockOwnerDeletion": block,
    }


def _owned(name: str, *owners: Json, block: bool, labels: dict[str, str] | None = None) -> Json:
    references = [reference(owner, block=block) for owner in owners]
    # An owner reference is only valid within one namespace.
    namespace = owners[0]["metadata"]["namespace"] if owners else AGENTS
    return {"name": name, "namespace": namespace, "labels": labels or {}, "ownerReferences": references}


def task_run(scene: Scene, name: str, *owners: Json, block: bool = True) -> Json:
    """A TaskRun with these owners. The kind is installed with the first one."""
    return _tekton_object(scene, "TaskRun", _owned(name, *owners, block=block), spec={})


def pipeline_run(scene: Scene, name: str, **metadata: Any) -> Json:  # noqa: ANN401 - JSON
    """A PipelineRun that runs. The kind is installed with the first one."""
    status = {"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "Running"}]}
    return _tekton_object(scene, "PipelineRun", {"name": name, "namespace": AGENTS, **metadata}, spec={}, status=status)


def _tekton_object(scene: Scene, kind: str, metadata: Json, **content: Json) -> Json:
    definition = _tekton(kind)
    if not scene.api.find("customresourcedefinitions", definition["metadata"]["name"]):
        scene.api.create(definition)
    return scene.api.create({"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": metadata, **content})


def pod(scene: Scene, name: str, *owners: Json, labels: dict[str, str] | None = None, block: bool = True) -> Json:
    """A pod with these owners."""
    metadata = _owned(name, *owners, block=block, labels=labels)
    return scene.api.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [_CONTAINER]}}
    )


def job(scene: Scene, name: str, *owners: Json) -> Json:
    """A Job with these owners, and without a limit of failures that would matter."""
    return scene.api.create(job_manifest(_owned(name, *owners, block=True)))


def job_manifest(metadata: Json) -> Json:
    """A Job with this metadata."""
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [_CONTAINER]}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def give_owners(scene: Scene, plural: str, name: str, *owners: Json, block: bool = True) -> None:
    """Replace the owners of an object."""
    references = [reference(owner, block=block) for owner in owners] or None
    scene.api.patch(plural, name, {"metadata": {"ownerReferences": references}}, namespace=AGENTS)


def child(scene: Scene, *owners: Json, block: bool = True, **more: Any) -> Json:  # noqa: ANN401 - passed on
    """An agent run with these owners. Nothing else can see it without them."""
    return scene.agent(owners=[reference(owner, block=block) for owner in owners], **more)


def names(scene: Scene, plural: str) -> set[str]:
    """Names of the objects that are there."""
    return {each["metadata"]["name"] for each in scene.api.list(plural, namespace=AGENTS)}

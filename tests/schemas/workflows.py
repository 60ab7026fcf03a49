"""The parts of a Workflow, WorkflowTemplate or CronWorkflow that several checks walk through.

Guarantees: also finds the Workflow inside a Sensor's trigger. Does not: validate; it expects the schema's types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.schemas.problem import join
from tests.schemas.sensors import created_objects

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSpec:
    """A workflow's spec, where it is, and the namespace in which its references are looked up."""

    kind: str
    namespace: str
    path: str
    spec: dict[str, Any]

    @property
    def templates(self) -> list[dict[str, Any]]:
        """Give its own templates."""
        found: list[dict[str, Any]] = self.spec.get("templates", [])
        return found


def namespace_of(manifest: dict[str, Any], *, default: str = "") -> str:
    """Give a manifest's namespace."""
    namespace: str = manifest.get("metadata", {}).get("namespace", default)
    return namespace


def workflow_specs(manifest: dict[str, Any], *, at: str = "", namespace: str = "") -> Iterator[WorkflowSpec]:
    """Give every workflow spec in a manifest."""
    kind, spec = manifest.get("kind", ""), manifest.get("spec", {})
    inside = namespace_of(manifest, default=namespace)
    if kind in {"Workflow", "WorkflowTemplate"}:
        yield WorkflowSpec(kind=kind, namespace=inside, path=join(at, "spec"), spec=spec)
    elif kind == "CronWorkflow":
        inner = spec.get("workflowSpec", {})
        yield WorkflowSpec(kind=kind, namespace=inside, path=join(at, "spec.workflowSpec"), spec=inner)
    elif kind == "Sensor":
        for path, created in created_objects(manifest):
            if isinstance(created, dict):
                yield from workflow_specs(created, at=join(at, path), namespace=inside)


def steps(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each step or task of a template with its path."""
    for outer, group in enumerate(template.get("steps", ())):
        for inner, step in enumerate(group):
            yield join("steps", outer, inner), step
    for index, task in enumerate(template.get("dag", {}).get("tasks", ())):
        yield join("dag.tasks", index), task


def synchronizations(spec: WorkflowSpec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each synchronization block with its path."""
    if "synchronization" in spec.spec:
        yield join(spec.path, "synchronization"), spec.spec["synchronization"]
    for index, template in enumerate(spec.templates):
        if "synchronization" in template:
            yield join(spec.path, "templates", index, "synchronization"), template["synchronization"]

"""Argo's controller, as far as a Workflow's phase goes: waiting, begun, ended.

Guarantees: the phase is in the status and in Argo's own label, as Argo 4.1 keeps it; a waiting Workflow with
`shutdown: Terminate` fails with Argo's message and never begins; the custom resource has no status subresource, like
Argo's. Not modelled: locks and pods (tests.doubles.argo_workflows runs those); who begins when is up to the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.doubles.kubernetes import ApiServer

PHASE = "workflows.argoproj.io/phase"
COMPLETED = "workflows.argoproj.io/completed"
PENDING, RUNNING, SUCCEEDED, FAILED = "Pending", "Running", "Succeeded", "Failed"
# What Argo ships as its minimal definition; the full one is checked in the control plane's tests.
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "workflows.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "names": {"kind": "Workflow", "listKind": "WorkflowList", "plural": "workflows", "singular": "workflow"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["metadata", "spec"],
                        "properties": {
                            "apiVersion": {"type": "string"},
                            "kind": {"type": "string"},
                            "metadata": {"type": "object"},
                            "spec": _ANYTHING,
                            "status": _ANYTHING,
                        },
                    }
                },
            }
        ],
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoController:
    """Keeps the phases of the Workflows in one namespace."""

    api: ApiServer
    namespace: str

    def step(self) -> None:
        """One pass: what is new waits, and what waits and is to terminate fails."""
        for workflow in self.api.list("workflows", namespace=self.namespace):
            name, phase = workflow["metadata"]["name"], workflow.get("status", {}).get("phase", "")
            if phase == PENDING and workflow["spec"].get("shutdown") == "Terminate":
                self.mark(name, FAILED, message="Stopped with strategy 'Terminate'")
            elif not phase:
                self.mark(name, PENDING)

    def mark(self, name: str, phase: str, *, message: str = "") -> None:
        """A Workflow has come to a phase."""
        labels = {PHASE: phase} | ({COMPLETED: "true"} if phase in (SUCCEEDED, FAILED) else {})
        change = {"metadata": {"labels": labels}, "status": {"phase": phase, "message": message}}
        self.api.patch("workflows", name, change, namespace=self.namespace)

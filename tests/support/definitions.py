"""CRDs of kinds whose objects own pods or name them, as far as the steps read them: every field is kept.

Guarantees: group, version, plural and scope are those of the project.
"""

from __future__ import annotations

from steps.kube.transport import Json


def definition(group: str, version: str, kind: str, *, plural: str = "") -> Json:
    """The CRD of a kind that keeps any field."""
    plural = plural or f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            # The API server wants to know who approved a kind of Kubernetes' own groups.
            "annotations": {
                "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/scheduler-plugins/pull/50"
            },
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [served],
        },
    }


POD_GROUP = definition("scheduling.x-k8s.io", "v1alpha1", "PodGroup")
SANDBOX = definition("agents.x-k8s.io", "v1alpha1", "Sandbox", plural="sandboxes")
SANDBOX_CLAIM = definition("extensions.agents.x-k8s.io", "v1alpha1", "SandboxClaim")

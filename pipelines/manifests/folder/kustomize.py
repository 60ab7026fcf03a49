"""The kustomization of the rendered folder, and what an overlay needs to know of Argo's kinds.

Guarantees that `images:` of an overlay that names `kustomizeconfig.yaml` as its configuration reaches every image of
the steps, and that labels which an overlay adds to selectors reach the pods of the steps too. Kustomize knows no kinds
of Argo by itself. Not covered: `namespace:`, `namePrefix:` and `nameSuffix:` of an
overlay. The settings in the templates, and the steps, name the namespaces and objects too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

CONFIG_FILE = "kustomizeconfig.yaml"
# CronWorkflows and the Sensor's Workflows only refer to a template, which has the images.
_IMAGES = (("WorkflowTemplate", "spec/templates/container/image"),)
# `commonLabels`, and `labels` with `includeSelectors`, change the selector of the NetworkPolicy. It would select no pod
# without these labels.
_LABELS = (("WorkflowTemplate", "spec/podMetadata/labels"),)


def kustomization(resources: Iterable[str]) -> dict[str, Any]:
    """Build the kustomization of the folder."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "metadata": {"name": "agent-cancellation"},
        "configurations": [CONFIG_FILE],
        "resources": list(resources),
    }


def transformer_configuration() -> dict[str, Any]:
    """Build the configuration of kustomize's transformers for Argo's kinds."""
    images = [{"group": "argoproj.io", "kind": kind, "path": path} for kind, path in _IMAGES]
    labels = [{"group": "argoproj.io", "kind": kind, "path": path, "create": True} for kind, path in _LABELS]
    return {"images": images, "commonLabels": labels}

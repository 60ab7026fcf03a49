"""The Workflow of one push, as everybody submits it: the Sensor, a laptop, and reconcile.

Guarantees: parameters are checked by the same patterns as at the Sensor before anything is sent, and the Workflow
brings nothing but a name, labels, priority and arguments, so that Argo accepts it under `templateReferencing: Secure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import APP, PREFIX, TASK
from steps.domain import PARAMETERS, push_from_env
from steps.kube import WORKFLOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from steps.kube import Json
    from steps.settings import StepSettings

TEMPLATE = "cancel-agents"
REPAIR_LABEL = f"{PREFIX}/repair"
# Argo's own, on every Workflow that it has looked at.
WORKFLOW_COMPLETED_LABEL = "workflows.argoproj.io/completed"


def build_workflow(
    values: Mapping[str, str], *, settings: StepSettings, labels: Mapping[str, str] | None = None
) -> Json:
    """The Workflow of a push.

    Args:
        values: Parameters of the WorkflowTemplate by name; those with a default may be left out.
        settings: Where it goes.
        labels: Further labels.

    Raises:
        BadInputError: A parameter is unknown, missing or malformed.
    """
    known = {parameter.name: parameter for parameter in PARAMETERS}
    push = push_from_env({known[name].env: value for name, value in values.items()}, settings=settings.push)
    return {
        "apiVersion": f"{WORKFLOWS.group}/{WORKFLOWS.version}",
        "kind": "Workflow",
        "metadata": {
            "name": f"cancel-{push.correlation_id}",
            "namespace": settings.namespaces.workflows,
            "labels": APP | {TASK: str(push.task)} | (dict(labels) if labels else {}),
        },
        "spec": {
            "workflowTemplateRef": {"name": TEMPLATE},
            "priority": int(push.pushed_at.timestamp()),
            "arguments": {"parameters": [{"name": name, "value": value} for name, value in values.items()]},
        },
    }

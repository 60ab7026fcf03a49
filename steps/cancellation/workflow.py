"""The Workflow of one push. The command line and reconcile submit it; the Sensor submits the same.

Guarantees that the parameters match the Sensor's patterns, and that the Workflow has only a name, labels, a priority
and arguments, so that Argo accepts it with `templateReferencing: Secure`. A Workflow of any shape can be read.
"""

from __future__ import annotations

import json
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
# Names the Workflow whose push supersedes that of the labelled one.
SUPERSEDED_BY = f"{PREFIX}/superseded-by"
# Argo sets these labels on every Workflow it has processed.
WORKFLOW_COMPLETED_LABEL = "workflows.argoproj.io/completed"
WORKFLOW_PHASE_LABEL = "workflows.argoproj.io/phase"


def build_workflow(
    values: Mapping[str, str], *, settings: StepSettings, labels: Mapping[str, str] | None = None
) -> Json:
    """Create the Workflow of a push.

    Args:
        values: Parameters of the WorkflowTemplate by name. Those with a default are optional.
        settings: The namespace, Argo's instance id, and the branches that are tasks.
        labels: Further labels.

    Raises:
        BadInputError: A parameter is unknown, missing or malformed.
    """
    known = {parameter.name: parameter for parameter in PARAMETERS}
    push = push_from_env({known[name].env: value for name, value in values.items()}, tasks=settings.tasks)
    return {
        "apiVersion": f"{WORKFLOWS.group}/{WORKFLOWS.version}",
        "kind": "Workflow",
        "metadata": {
            "name": f"cancel-{push.correlation_id}",
            "namespace": settings.namespaces.workflows,
            "labels": APP | settings.argo.labels | {TASK: str(push.task)} | (dict(labels) if labels else {}),
        },
        "spec": {
            "workflowTemplateRef": {"name": TEMPLATE},
            "priority": push.priority,
            "arguments": {"parameters": [{"name": name, "value": value} for name, value in values.items()]},
        },
    }


def workflow_parameters(workflow: Json) -> dict[str, str]:
    """Read the parameters of a Workflow, by name.

    A number or a boolean counts as its text in JSON, as in Argo. A parameter whose value is elsewhere or of another
    shape is an empty text, which no pattern allows. All else of another shape is left out: the API server checks
    hardly any field of a Workflow.
    """
    found: object = workflow
    for key in ("spec", "arguments", "parameters"):
        found = found.get(key) if isinstance(found, dict) else None
    given = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return {name: _text(each.get("value")) for each in given if isinstance(name := each.get("name"), str)}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, int | float) else ""

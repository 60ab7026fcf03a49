"""A manifest that names something that is not there is found, with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.schemas.references import unresolved
from tests.schemas.tests.samples import K8S, RUN, TRIGGER, Manifest, correct_manifests, put

if TYPE_CHECKING:
    from collections.abc import Callable

# The first run on a machine fetches the published schemas.
pytestmark = pytest.mark.timeout(300)

DANGLING: dict[str, tuple[str, Callable[[Manifest], None], str]] = {
    "an entrypoint that is not a template": (
        "WorkflowTemplate/cancel",
        put("spec/entrypoint", "go"),
        "no template 'go'",
    ),
    "an exit handler that is not a template": ("WorkflowTemplate/cancel", put("spec/onExit", "x"), "no template 'x'"),
    "a hook that is not a template": (
        "WorkflowTemplate/cancel",
        put("spec/hooks", {"exit": {"template": "bye"}}),
        "no template 'bye'",
    ),
    "a step that is not a template": (
        "WorkflowTemplate/cancel",
        put("spec/templates/1", {"name": "report", "steps": [[{"name": "a", "template": "b"}]]}),
        "no template 'b'",
    ),
    "a template of another WorkflowTemplate that is not there": (
        "WorkflowTemplate/cancel",
        put(
            "spec/templates/1",
            {"name": "report", "steps": [[{"name": "a", "templateRef": {"name": "cancel", "template": "b"}}]]},
        ),
        "no template cancel/b",
    ),
    "two templates of one name": ("WorkflowTemplate/cancel", put("spec/templates/1/name", "run"), "two templates"),
    "an undeclared workflow parameter": (
        "WorkflowTemplate/cancel",
        put("spec/synchronization", {"mutexes": [{"name": "{{workflow.parameters.task}}"}]}),
        "workflow.parameters.task is used but not declared",
    ),
    "an undeclared workflow parameter in an expression": (
        "WorkflowTemplate/cancel",
        put("spec/podPriorityClassName", '{{=workflow.parameters["priority"]}}'),
        "workflow.parameters.priority is used but not declared",
    ),
    "an undeclared input": (
        "WorkflowTemplate/cancel",
        put("spec/templates/1/container/args", ["{{inputs.parameters.x}}"]),
        "inputs.parameters.x is used but not declared",
    ),
    "a container that waits for nobody": (
        "WorkflowTemplate/cancel",
        put(f"{RUN}/containerSet/containers/1/dependencies", ["canzel"]),
        "no container 'canzel'",
    ),
    "a WorkflowTemplate that is not there": (
        "CronWorkflow/reconcile",
        put("spec/workflowSpec/workflowTemplateRef/name", "cansel"),
        "no WorkflowTemplate 'cansel'",
    ),
    "an argument that nobody takes": (
        "CronWorkflow/reconcile",
        put("spec/workflowSpec/arguments/parameters/0/name", "task"),
        "has no parameter 'task'",
    ),
    "an argument that is missing": (
        "CronWorkflow/reconcile",
        put("spec/workflowSpec/arguments", {}),
        "needs a parameter 'task-id'",
    ),
    "a semaphore without its ConfigMap": ("ConfigMap/limits", put("metadata/name", "limit"), "no ConfigMap 'limits'"),
    "a semaphore without its key": ("ConfigMap/limits", put("data", {"other": "1"}), "has no key 'cancel'"),
    "an account that is not there": (
        "WorkflowTemplate/cancel",
        put("spec/serviceAccountName", "nobody"),
        "no ServiceAccount 'nobody'",
    ),
    "an account in another namespace": (
        "ServiceAccount/sensor",
        put("metadata/namespace", "other"),
        "no ServiceAccount 'sensor' in namespace 'flows'",
    ),
    "a binding to no role": ("RoleBinding/steps", put("roleRef/name", "x"), "no Role 'x'"),
    "a binding to nobody": ("RoleBinding/steps", put("subjects/0/name", "x"), "no ServiceAccount 'x'"),
    "an event source that is not there": ("EventSource/github", put("metadata/name", "x"), "no EventSource 'github'"),
    "an event that its source does not have": (
        "Sensor/pushes",
        put("spec/dependencies/0/eventName", "repo"),
        "has no event 'repo'",
    ),
    "a condition on no dependency": (
        "Sensor/pushes",
        put(f"{TRIGGER}/template/conditions", "push || tag"),
        "no dependency 'tag'",
    ),
    "a parameter from no dependency": (
        "Sensor/pushes",
        put(f"{K8S}/parameters/0/src/dependencyName", "tag"),
        "no dependency 'tag'",
    ),
    "a destination in a parameter that is not there": (
        "Sensor/pushes",
        put(f"{K8S}/parameters/1/dest", 'spec.arguments.parameters.#(name=="ref").value'),
        "hits nothing",
    ),
    "a destination in a parameter without a value": (
        "Sensor/pushes",
        put(f"{K8S}/source/resource/spec/arguments/parameters/0", {"name": "task-id"}),
        "hits nothing",
    ),
    "an append to a name that is only generated": (
        "Sensor/pushes",
        put(f"{K8S}/source/resource/metadata", {"generateName": "cancel-"}),
        "'metadata.name' hits nothing",
    ),
    "a trigger parameter that hits no field": (
        "Sensor/pushes",
        put(f"{TRIGGER}/parameters", [{"src": {"dependencyName": "push", "value": "x"}, "dest": "pr_number"}]),
        "'pr_number' hits nothing",
    ),
}


@pytest.mark.parametrize("case", DANGLING)
def test_resolution_names(case: str) -> None:
    name, change, what = DANGLING[case]
    manifests = correct_manifests()
    change(manifests[name])
    problems = unresolved(list(manifests.values()))
    assert [problem for problem in problems if what in problem.what], problems


def test_what_is_declared_external_need_not_be_rendered() -> None:
    manifests = [one for name, one in correct_manifests().items() if not name.startswith("ServiceAccount/")]
    assert unresolved(manifests)
    assert unresolved(manifests, external={"ServiceAccount/flows/steps", "ServiceAccount/flows/sensor"}) == []

"""Manifests that are wrong in one way each, and what the offline validation says about them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.schemas.references import unresolved
from tests.schemas.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable

# The first run on a machine fetches the published schemas.
pytestmark = pytest.mark.timeout(300)

Manifest = dict[str, Any]
TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: cancel, namespace: flows, labels: {app: cancel}}
spec:
  entrypoint: run
  onExit: report
  serviceAccountName: steps
  activeDeadlineSeconds: 300
  synchronization: {mutexes: [{name: "cancel/{{workflow.parameters.task-id}}"}]}
  arguments: {parameters: [{name: task-id}, {name: dry-run, value: "false"}]}
  templates:
    - name: run
      synchronization: {semaphores: [{configMapKeyRef: {name: limits, key: cancel}}]}
      containerSet:
        containers:
          - {name: cancel, image: "steps:1"}
          - name: main
            image: "steps:1"
            dependencies: [cancel]
            env: [{name: TASK, value: "{{workflow.parameters.task-id}}"}]
    - name: report
      container: {image: "steps:1", command: [python], resources: {requests: {cpu: 100m, memory: 128Mi}}}
"""
CRON = """
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: reconcile, namespace: flows}
spec:
  schedules: ["* * * * *"]
  concurrencyPolicy: Forbid
  workflowSpec:
    workflowTemplateRef: {name: cancel}
    arguments: {parameters: [{name: task-id, value: "5"}]}
"""
SENSOR = """
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: pushes, namespace: flows}
spec:
  template: {serviceAccountName: sensor}
  dependencies:
    - name: push
      eventSourceName: github
      eventName: org
      filters:
        data:
          - {path: body.sender.login, type: string, value: ['^bot\\[bot\\]$']}
          - {path: body.deleted, type: bool, value: ["false"]}
  triggers:
    - atLeastOnce: true
      retryStrategy: {steps: 5, duration: 2s, factor: 2}
      template:
        name: cancel
        k8s:
          operation: create
          source:
            resource:
              apiVersion: argoproj.io/v1alpha1
              kind: Workflow
              metadata: {name: cancel-}
              spec:
                workflowTemplateRef: {name: cancel}
                arguments: {parameters: [{name: task-id, value: ""}]}
          parameters:
            - {src: {dependencyName: push, dataKey: body.X-GitHub-Delivery}, dest: metadata.name, operation: append}
            - src: {dependencyName: push, dataKey: body.ref}
              dest: 'spec.arguments.parameters.#(name=="task-id").value'
"""
RULE = """
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: rules, namespace: flows}
spec: {groups: [{name: all, rules: [{alert: Slow, expr: "up == 0", for: 5m, labels: {severity: warning}}]}]}
"""
MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: pods, namespace: flows}
spec: {selector: {matchLabels: {app: x}}, podMetricsEndpoints: [{port: metrics}]}
"""
EVENT_SOURCE = """
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: github, namespace: flows}
spec:
  github:
    org:
      organizations: [5dlabs]
      events: [push]
      webhookSecret: {name: webhook, key: secret}
      webhook: {endpoint: /github, port: "12000", method: POST}
"""
OTHERS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: flows}
data: {cancel: "10"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: steps, namespace: flows}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sensor, namespace: flows}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: steps, namespace: flows}
rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: steps, namespace: flows}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: steps}
subjects: [{kind: ServiceAccount, name: steps, namespace: flows}]
"""


def _all() -> dict[str, Manifest]:
    texts = [TEMPLATE, CRON, SENSOR, EVENT_SOURCE, RULE, MONITOR, *OTHERS.split("---")]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in map(yaml.safe_load, texts)}


def _put(path: str, value: object) -> Callable[[Manifest], None]:
    """Make a change: set what is at a path of keys and indexes; `...` removes it."""

    def change(manifest: Manifest) -> None:
        *inner, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        target: Any = manifest
        for key in inner:
            target = target[key]
        if value is ...:
            del target[last]
        else:
            target[last] = value

    return change


def _inline(manifest: Manifest) -> None:
    source = manifest["spec"]["triggers"][0]["template"]["k8s"]["source"]
    created = source.pop("resource")
    created["spec"]["entrypont"] = "run"
    source["inline"] = yaml.safe_dump(created)


def test_correct_manifests_have_no_problems() -> None:
    manifests = list(_all().values())
    assert [problem for manifest in manifests for problem in validate(manifest)] == []
    assert unresolved(manifests) == []


TRIGGER = "spec/triggers/0"
K8S = f"{TRIGGER}/template/k8s"
RUN = "spec/templates/0"
CASES: dict[str, tuple[str, Callable[[Manifest], None], str, str]] = {
    "a misspelt field": ("WorkflowTemplate/cancel", _put("spec/entrypont", "run"), "spec", "did you mean entrypoint"),
    "a misspelt field deep inside": (
        "WorkflowTemplate/cancel",
        _put(f"{RUN}/containerSet/containers/0/imge", "x"),
        "spec.templates[0].containerSet.containers[0]",
        "unknown field imge (did you mean image?)",
    ),
    "a wrong type": (
        "WorkflowTemplate/cancel",
        _put("spec/activeDeadlineSeconds", "soon"),
        "spec.activeDeadlineSeconds",
        "'soon' is not",
    ),
    "a number that is too wide for its field": (
        "WorkflowTemplate/cancel",
        _put("spec/priority", 2**31),
        "spec.priority",
        "greater than the maximum",
    ),
    "a missing required field": (
        "WorkflowTemplate/cancel",
        _put(f"{RUN}/containerSet/containers/0/name", ...),
        "spec.templates[0].containerSet.containers[0]",
        "'name' is a required property",
    ),
    "the singular mutex of old versions": (
        "WorkflowTemplate/cancel",
        _put("spec/synchronization", {"mutex": {"name": "x"}}),
        "spec.synchronization",
        "unknown field mutex (did you mean mutexes?)",
    ),
    "the singular schedule of old versions": (
        "CronWorkflow/reconcile",
        _put("spec/schedule", "* * * * *"),
        "spec",
        "unknown field schedule",
    ),
    "an unknown enumeration value": (
        "CronWorkflow/reconcile",
        _put("spec/concurrencyPolicy", "Never"),
        "spec.concurrencyPolicy",
        "Never",
    ),
    "a wrong apiVersion": (
        "CronWorkflow/reconcile",
        _put("apiVersion", "argoproj.io/v1"),
        "apiVersion",
        "'argoproj.io/v1alpha1' was expected",
    ),
    "a kind without a schema": ("ConfigMap/limits", _put("kind", "ConfigMup"), "", "no published schema"),
    "an invalid name": ("ConfigMap/limits", _put("metadata/name", "Limits_"), "metadata.name", "not a valid name"),
    "an invalid label value": (
        "WorkflowTemplate/cancel",
        _put("metadata/labels", {"app": "a b"}),
        "metadata.labels",
        "not a valid label value",
    ),
    "a label that is a number": (
        "WorkflowTemplate/cancel",
        _put("metadata/labels", {"task": 5}),
        "metadata.labels.task",
        "5 is not of type 'string'",
    ),
    "misspelt metadata": ("WorkflowTemplate/cancel", _put("metadata/label", {}), "metadata", "did you mean labels"),
    "a number in a ConfigMap": (
        "ConfigMap/limits",
        _put("data/cancel", 10),
        "data.cancel",
        "10 is not of type 'string'",
    ),
    "a misspelt rule": ("Role/steps", _put("rules/0/verb", ["get"]), "rules[0]", "did you mean verbs"),
    "a misspelt rule of Prometheus": (
        "PrometheusRule/rules",
        _put("spec/groups/0/rules/0/annotation", {}),
        "spec.groups[0].rules[0]",
        "unknown field annotation",
    ),
    "a duration that is none": (
        "PrometheusRule/rules",
        _put("spec/groups/0/rules/0/for", "soon"),
        "spec.groups[0].rules[0].for",
        "does not match",
    ),
    "a misspelt endpoint": (
        "PodMonitor/pods",
        _put("spec/podMetricsEndpoints/0/prot", "x"),
        "spec.podMetricsEndpoints[0]",
        "did you mean",
    ),
    "a rule without an alert's expression": (
        "PrometheusRule/rules",
        _put("spec/groups/0/rules/0/expr", ...),
        "spec.groups[0].rules[0]",
        "'expr' is a required property",
    ),
    "an empty synchronization": (
        "WorkflowTemplate/cancel",
        _put("spec/synchronization", {}),
        "spec.synchronization",
        "locks nothing",
    ),
    "two locks in one block": (
        "WorkflowTemplate/cancel",
        _put("spec/synchronization", {"mutexes": [{"name": "a"}, {"name": "b"}]}),
        "spec.synchronization",
        "can deadlock",
    ),
    "a template of two types": (
        "WorkflowTemplate/cancel",
        _put("spec/templates/1/suspend", {}),
        "spec.templates[1]",
        "a template has one type",
    ),
    "a container set without main": (
        "WorkflowTemplate/cancel",
        _put(f"{RUN}/containerSet/containers/1/name", "last"),
        "spec.templates[0].containerSet.containers",
        "main",
    ),
    "a deadline on steps": (
        "WorkflowTemplate/cancel",
        _put("spec/templates/1", {"name": "report", "steps": [[{"name": "a", "template": "run"}]], "timeout": "5s"}),
        "spec.templates[1].timeout",
        "no effect on steps",
    ),
    "atLeastOnce inside the template": (
        "Sensor/pushes",
        _put(f"{TRIGGER}/template/atLeastOnce", "yes"),
        "spec.triggers[0].template",
        "unknown field atLeastOnce",
    ),
    "a retry without atLeastOnce": (
        "Sensor/pushes",
        _put(f"{TRIGGER}/atLeastOnce", ...),
        "spec.triggers[0].retryStrategy",
        "no effect without atLeastOnce",
    ),
    "a value that is no string": (
        "Sensor/pushes",
        _put("spec/dependencies/0/filters/data/1/value", [True]),
        "spec.dependencies[0].filters.data[1].value[0]",
        "True is not of type 'string'",
    ),
    "an unanchored pattern": (
        "Sensor/pushes",
        _put("spec/dependencies/0/filters/data/0/value", ["bot"]),
        "spec.dependencies[0].filters.data[0]",
        "without anchors",
    ),
    "a broken pattern": (
        "Sensor/pushes",
        _put("spec/dependencies/0/filters/data/0/value", ["^(bot$"]),
        "spec.dependencies[0].filters.data[0]",
        "no regular expression",
    ),
    "an inequality with alternatives": (
        "Sensor/pushes",
        _put(
            "spec/dependencies/0/filters/data/0",
            {"path": "body.ref", "type": "string", "comparator": "!=", "value": ["^a$", "^b$"]},
        ),
        "spec.dependencies[0].filters.data[0]",
        "as soon as one",
    ),
    "a comparator on a boolean": (
        "Sensor/pushes",
        _put("spec/dependencies/0/filters/data/1/comparator", "!="),
        "spec.dependencies[0].filters.data[1]",
        "no meaning for a bool",
    ),
    "filters joined by or": (
        "Sensor/pushes",
        _put("spec/dependencies/0/filtersLogicalOperator", "or"),
        "spec.dependencies[0].filtersLogicalOperator",
        "drops the event",
    ),
    "a label selector on a trigger": (
        "Sensor/pushes",
        _put(f"{K8S}/labelSelector", {"a": "b"}),
        "spec.triggers[0].template.k8s",
        "unknown field labelSelector",
    ),
    "an unknown operation": (
        "Sensor/pushes",
        _put(f"{K8S}/operation", "apply"),
        "spec.triggers[0].template.k8s.operation",
        "unknown operation 'apply'",
    ),
    "a backoff written as Hera does": (
        "Sensor/pushes",
        _put(f"{TRIGGER}/retryStrategy/duration", {"type": 1, "string": "2s"}),
        "spec.triggers[0].retryStrategy.duration",
        "is not of type",
    ),
    "a factor that is a string": (
        "Sensor/pushes",
        _put(f"{TRIGGER}/retryStrategy/factor", "2"),
        "spec.triggers[0].retryStrategy.factor",
        "'2' is not of type 'number'",
    ),
    "a trigger without an object": (
        "Sensor/pushes",
        _put(f"{K8S}/source", {}),
        "spec.triggers[0].template.k8s.source.resource",
        "no object to create",
    ),
    "a misspelt field in the created object": (
        "Sensor/pushes",
        _put(f"{K8S}/source/resource/spec/entrypont", "run"),
        "spec.triggers[0].template.k8s.source.resource.spec",
        "did you mean entrypoint",
    ),
    "a misspelt field in an inline object": (
        "Sensor/pushes",
        _inline,
        "spec.triggers[0].template.k8s.source.inline.spec",
        "did you mean entrypoint",
    ),
    "a destination at the top level": (
        "Sensor/pushes",
        _put(f"{K8S}/parameters/1/dest", "taskId"),
        "spec.triggers[0].template.k8s.source.resource",
        "unknown field taskId",
    ),
    "a string written where a number belongs": (
        "Sensor/pushes",
        _put(f"{K8S}/parameters/1/dest", "spec.priority"),
        "spec.triggers[0].template.k8s.source.resource.spec.priority",
        "'' is not of type 'integer'",
    ),
    "a webhook without a secret": (
        "EventSource/github",
        _put("spec/github/org/webhookSecret", ...),
        "spec.github.org",
        "every request is believed",
    ),
    "a port that is a number": (
        "EventSource/github",
        _put("spec/github/org/webhook/port", 12000),
        "spec.github.org.webhook.port",
        "12000 is not of type 'string'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_validation_names(case: str) -> None:
    name, change, path, what = CASES[case]
    manifest = copy.deepcopy(_all()[name])
    change(manifest)
    problems = validate(manifest)
    assert [problem for problem in problems if problem.path == path and what in problem.what], problems


DANGLING: dict[str, tuple[str, Callable[[Manifest], None], str]] = {
    "an entrypoint that is no template": ("WorkflowTemplate/cancel", _put("spec/entrypoint", "go"), "no template 'go'"),
    "an exit handler that is no template": ("WorkflowTemplate/cancel", _put("spec/onExit", "x"), "no template 'x'"),
    "a hook that is no template": (
        "WorkflowTemplate/cancel",
        _put("spec/hooks", {"exit": {"template": "bye"}}),
        "no template 'bye'",
    ),
    "a step that is no template": (
        "WorkflowTemplate/cancel",
        _put("spec/templates/1", {"name": "report", "steps": [[{"name": "a", "template": "b"}]]}),
        "no template 'b'",
    ),
    "a template of another WorkflowTemplate that is not there": (
        "WorkflowTemplate/cancel",
        _put(
            "spec/templates/1",
            {"name": "report", "steps": [[{"name": "a", "templateRef": {"name": "cancel", "template": "b"}}]]},
        ),
        "no template cancel/b",
    ),
    "two templates of one name": ("WorkflowTemplate/cancel", _put("spec/templates/1/name", "run"), "two templates"),
    "an undeclared workflow parameter": (
        "WorkflowTemplate/cancel",
        _put("spec/synchronization", {"mutexes": [{"name": "{{workflow.parameters.task}}"}]}),
        "workflow.parameters.task is used but not declared",
    ),
    "an undeclared workflow parameter in an expression": (
        "WorkflowTemplate/cancel",
        _put("spec/podPriorityClassName", '{{=workflow.parameters["priority"]}}'),
        "workflow.parameters.priority is used but not declared",
    ),
    "an undeclared input": (
        "WorkflowTemplate/cancel",
        _put("spec/templates/1/container/args", ["{{inputs.parameters.x}}"]),
        "inputs.parameters.x is used but not declared",
    ),
    "a container that waits for nobody": (
        "WorkflowTemplate/cancel",
        _put(f"{RUN}/containerSet/containers/1/dependencies", ["canzel"]),
        "no container 'canzel'",
    ),
    "a WorkflowTemplate that is not there": (
        "CronWorkflow/reconcile",
        _put("spec/workflowSpec/workflowTemplateRef/name", "cansel"),
        "no WorkflowTemplate 'cansel'",
    ),
    "an argument that nobody takes": (
        "CronWorkflow/reconcile",
        _put("spec/workflowSpec/arguments/parameters/0/name", "task"),
        "has no parameter 'task'",
    ),
    "an argument that is missing": (
        "CronWorkflow/reconcile",
        _put("spec/workflowSpec/arguments", {}),
        "needs a parameter 'task-id'",
    ),
    "a semaphore without its ConfigMap": ("ConfigMap/limits", _put("metadata/name", "limit"), "no ConfigMap 'limits'"),
    "a semaphore without its key": ("ConfigMap/limits", _put("data", {"other": "1"}), "has no key 'cancel'"),
    "an account that is not there": (
        "WorkflowTemplate/cancel",
        _put("spec/serviceAccountName", "nobody"),
        "no ServiceAccount 'nobody'",
    ),
    "an account in another namespace": (
        "ServiceAccount/sensor",
        _put("metadata/namespace", "other"),
        "no ServiceAccount 'sensor' in namespace 'flows'",
    ),
    "a binding to no role": ("RoleBinding/steps", _put("roleRef/name", "x"), "no Role 'x'"),
    "a binding to nobody": ("RoleBinding/steps", _put("subjects/0/name", "x"), "no ServiceAccount 'x'"),
    "an event source that is not there": ("EventSource/github", _put("metadata/name", "x"), "no EventSource 'github'"),
    "an event that its source does not have": (
        "Sensor/pushes",
        _put("spec/dependencies/0/eventName", "repo"),
        "has no event 'repo'",
    ),
    "a condition on no dependency": (
        "Sensor/pushes",
        _put(f"{TRIGGER}/template/conditions", "push || tag"),
        "no dependency 'tag'",
    ),
    "a parameter from no dependency": (
        "Sensor/pushes",
        _put(f"{K8S}/parameters/0/src/dependencyName", "tag"),
        "no dependency 'tag'",
    ),
    "a destination in a parameter that is not there": (
        "Sensor/pushes",
        _put(f"{K8S}/parameters/1/dest", 'spec.arguments.parameters.#(name=="ref").value'),
        "hits nothing",
    ),
    "a destination in a parameter without a value": (
        "Sensor/pushes",
        _put(f"{K8S}/source/resource/spec/arguments/parameters/0", {"name": "task-id"}),
        "hits nothing",
    ),
    "an append to a name that is only generated": (
        "Sensor/pushes",
        _put(f"{K8S}/source/resource/metadata", {"generateName": "cancel-"}),
        "'metadata.name' hits nothing",
    ),
    "a trigger parameter that hits no field": (
        "Sensor/pushes",
        _put(f"{TRIGGER}/parameters", [{"src": {"dependencyName": "push", "value": "x"}, "dest": "pr_number"}]),
        "'pr_number' hits nothing",
    ),
}


@pytest.mark.parametrize("case", DANGLING)
def test_resolution_names(case: str) -> None:
    name, change, what = DANGLING[case]
    manifests = _all()
    change(manifests[name])
    problems = unresolved(list(manifests.values()))
    assert [problem for problem in problems if what in problem.what], problems


def test_what_is_declared_external_need_not_be_rendered() -> None:
    manifests = [one for name, one in _all().items() if not name.startswith("ServiceAccount/")]
    assert unresolved(manifests)
    assert unresolved(manifests, external={"ServiceAccount/flows/steps", "ServiceAccount/flows/sensor"}) == []

"""Manifests that are wrong in one way each, and what the offline validation says about them."""

from __future__ import annotations

import copy
from enum import StrEnum
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.schemas.references import unresolved
from tests.schemas.tests.samples import K8S, RUN, TRIGGER, Manifest, correct_manifests, put
from tests.schemas.validate import validate

if TYPE_CHECKING:
    from collections.abc import Callable

# The first run on a machine fetches the published schemas.
pytestmark = pytest.mark.timeout(300)


def _inline(manifest: Manifest) -> None:
    source = manifest["spec"]["triggers"][0]["template"]["k8s"]["source"]
    created = source.pop("resource")
    created["spec"]["entrypont"] = "run"
    source["inline"] = yaml.safe_dump(created)


def test_correct_manifests_have_no_problems() -> None:
    manifests = list(correct_manifests().values())
    assert [problem for manifest in manifests for problem in validate(manifest)] == []
    assert unresolved(manifests) == []


class Word(StrEnum):
    """Text for Python, and nothing that a file can hold."""

    SAME = "same"


CASES: dict[str, tuple[str, Callable[[Manifest], None], str, str]] = {
    "a value that no file can hold": (
        "WorkflowTemplate/cancel",
        put("metadata/labels/app", Word.SAME),
        "metadata.labels.app",
        "Word is not a type of YAML",
    ),
    "a misspelt field": ("WorkflowTemplate/cancel", put("spec/entrypont", "run"), "spec", "did you mean entrypoint"),
    "a misspelt field deep inside": (
        "WorkflowTemplate/cancel",
        put(f"{RUN}/containerSet/containers/0/imge", "x"),
        "spec.templates[0].containerSet.containers[0]",
        "unknown field imge (did you mean image?)",
    ),
    "a wrong type": (
        "WorkflowTemplate/cancel",
        put("spec/activeDeadlineSeconds", "soon"),
        "spec.activeDeadlineSeconds",
        "'soon' is not",
    ),
    "a number that is too wide for its field": (
        "WorkflowTemplate/cancel",
        put("spec/priority", 2**31),
        "spec.priority",
        "greater than the maximum",
    ),
    "a missing required field": (
        "WorkflowTemplate/cancel",
        put(f"{RUN}/containerSet/containers/0/name", ...),
        "spec.templates[0].containerSet.containers[0]",
        "'name' is a required property",
    ),
    "the singular mutex of old versions": (
        "WorkflowTemplate/cancel",
        put("spec/synchronization", {"mutex": {"name": "x"}}),
        "spec.synchronization",
        "unknown field mutex (did you mean mutexes?)",
    ),
    "the singular schedule of old versions": (
        "CronWorkflow/reconcile",
        put("spec/schedule", "* * * * *"),
        "spec",
        "unknown field schedule",
    ),
    "an unknown enumeration value": (
        "CronWorkflow/reconcile",
        put("spec/concurrencyPolicy", "Never"),
        "spec.concurrencyPolicy",
        "Never",
    ),
    "a wrong apiVersion": (
        "CronWorkflow/reconcile",
        put("apiVersion", "argoproj.io/v1"),
        "apiVersion",
        "'argoproj.io/v1alpha1' was expected",
    ),
    "a kind without a schema": ("ConfigMap/limits", put("kind", "ConfigMup"), "", "no published schema"),
    "an invalid name": ("ConfigMap/limits", put("metadata/name", "Limits_"), "metadata.name", "not a valid name"),
    "an invalid label value": (
        "WorkflowTemplate/cancel",
        put("metadata/labels", {"app": "a b"}),
        "metadata.labels",
        "not a valid label value",
    ),
    "a label that is a number": (
        "WorkflowTemplate/cancel",
        put("metadata/labels", {"task": 5}),
        "metadata.labels.task",
        "5 is not of type 'string'",
    ),
    "misspelt metadata": ("WorkflowTemplate/cancel", put("metadata/label", {}), "metadata", "did you mean labels"),
    "a number in a ConfigMap": (
        "ConfigMap/limits",
        put("data/cancel", 10),
        "data.cancel",
        "10 is not of type 'string'",
    ),
    "a misspelt rule": ("Role/steps", put("rules/0/verb", ["get"]), "rules[0]", "did you mean verbs"),
    "a misspelt rule of Prometheus": (
        "PrometheusRule/rules",
        put("spec/groups/0/rules/0/annotation", {}),
        "spec.groups[0].rules[0]",
        "unknown field annotation",
    ),
    "a duration that is none": (
        "PrometheusRule/rules",
        put("spec/groups/0/rules/0/for", "soon"),
        "spec.groups[0].rules[0].for",
        "does not match",
    ),
    "a misspelt endpoint": (
        "PodMonitor/pods",
        put("spec/podMetricsEndpoints/0/prot", "x"),
        "spec.podMetricsEndpoints[0]",
        "did you mean",
    ),
    "a rule without an alert's expression": (
        "PrometheusRule/rules",
        put("spec/groups/0/rules/0/expr", ...),
        "spec.groups[0].rules[0]",
        "'expr' is a required property",
    ),
    "an empty synchronization": (
        "WorkflowTemplate/cancel",
        put("spec/synchronization", {}),
        "spec.synchronization",
        "locks nothing",
    ),
    "two locks in one block": (
        "WorkflowTemplate/cancel",
        put("spec/synchronization", {"mutexes": [{"name": "a"}, {"name": "b"}]}),
        "spec.synchronization",
        "can deadlock",
    ),
    "a template of two types": (
        "WorkflowTemplate/cancel",
        put("spec/templates/1/suspend", {}),
        "spec.templates[1]",
        "a template has one type",
    ),
    "a container set without main": (
        "WorkflowTemplate/cancel",
        put(f"{RUN}/containerSet/containers/1/name", "last"),
        "spec.templates[0].containerSet.containers",
        "main",
    ),
    "a deadline on steps": (
        "WorkflowTemplate/cancel",
        put("spec/templates/1", {"name": "report", "steps": [[{"name": "a", "template": "run"}]], "timeout": "5s"}),
        "spec.templates[1].timeout",
        "no effect on steps",
    ),
    "atLeastOnce inside the template": (
        "Sensor/pushes",
        put(f"{TRIGGER}/template/atLeastOnce", "yes"),
        "spec.triggers[0].template",
        "unknown field atLeastOnce",
    ),
    "a retry without atLeastOnce": (
        "Sensor/pushes",
        put(f"{TRIGGER}/atLeastOnce", ...),
        "spec.triggers[0].retryStrategy",
        "no effect without atLeastOnce",
    ),
    "a value that is not a string": (
        "Sensor/pushes",
        put("spec/dependencies/0/filters/data/1/value", [True]),
        "spec.dependencies[0].filters.data[1].value[0]",
        "True is not of type 'string'",
    ),
    "an unanchored pattern": (
        "Sensor/pushes",
        put("spec/dependencies/0/filters/data/0/value", ["bot"]),
        "spec.dependencies[0].filters.data[0]",
        "without anchors",
    ),
    "a broken pattern": (
        "Sensor/pushes",
        put("spec/dependencies/0/filters/data/0/value", ["^(bot$"]),
        "spec.dependencies[0].filters.data[0]",
        "not a regular expression",
    ),
    "an inequality with alternatives": (
        "Sensor/pushes",
        put(
            "spec/dependencies/0/filters/data/0",
            {"path": "body.ref", "type": "string", "comparator": "!=", "value": ["^a$", "^b$"]},
        ),
        "spec.dependencies[0].filters.data[0]",
        "as soon as one",
    ),
    "a comparator on a boolean": (
        "Sensor/pushes",
        put("spec/dependencies/0/filters/data/1/comparator", "!="),
        "spec.dependencies[0].filters.data[1]",
        "no meaning for a bool",
    ),
    "filters joined by or": (
        "Sensor/pushes",
        put("spec/dependencies/0/filtersLogicalOperator", "or"),
        "spec.dependencies[0].filtersLogicalOperator",
        "drops the event",
    ),
    "a label selector on a trigger": (
        "Sensor/pushes",
        put(f"{K8S}/labelSelector", {"a": "b"}),
        "spec.triggers[0].template.k8s",
        "unknown field labelSelector",
    ),
    "an unknown operation": (
        "Sensor/pushes",
        put(f"{K8S}/operation", "apply"),
        "spec.triggers[0].template.k8s.operation",
        "unknown operation 'apply'",
    ),
    "a backoff written as Hera does": (
        "Sensor/pushes",
        put(f"{TRIGGER}/retryStrategy/duration", {"type": 1, "string": "2s"}),
        "spec.triggers[0].retryStrategy.duration",
        "is not of type",
    ),
    "a factor that is a string": (
        "Sensor/pushes",
        put(f"{TRIGGER}/retryStrategy/factor", "2"),
        "spec.triggers[0].retryStrategy.factor",
        "'2' is not of type 'number'",
    ),
    "a trigger without an object": (
        "Sensor/pushes",
        put(f"{K8S}/source", {}),
        "spec.triggers[0].template.k8s.source.resource",
        "no object to create",
    ),
    "a misspelt field in the created object": (
        "Sensor/pushes",
        put(f"{K8S}/source/resource/spec/entrypont", "run"),
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
        put(f"{K8S}/parameters/1/dest", "taskId"),
        "spec.triggers[0].template.k8s.source.resource",
        "unknown field taskId",
    ),
    "a string written where a number belongs": (
        "Sensor/pushes",
        put(f"{K8S}/parameters/1/dest", "spec.priority"),
        "spec.triggers[0].template.k8s.source.resource.spec.priority",
        "'' is not of type 'integer'",
    ),
    "a webhook without a secret": (
        "EventSource/github",
        put("spec/github/org/webhookSecret", ...),
        "spec.github.org",
        "every request is believed",
    ),
    "a port that is a number": (
        "EventSource/github",
        put("spec/github/org/webhook/port", 12000),
        "spec.github.org.webhook.port",
        "12000 is not of type 'string'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_validation_names(case: str) -> None:
    name, change, path, what = CASES[case]
    manifest = copy.deepcopy(correct_manifests()[name])
    change(manifest)
    problems = validate(manifest)
    assert [problem for problem in problems if problem.path == path and what in problem.what], problems

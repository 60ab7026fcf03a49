"""Rules about one manifest that its schema cannot express: Argo's CEL rules, and traps that Argo walks into silently.

Guarantees: covers every CEL rule of the Workflow kinds that concerns template types, tasks and deadlines.
Does not: know about artifacts and metrics, whose rules only a real API server checks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.schemas.problem import Problem, join
from tests.schemas.sensors import creators, triggers
from tests.schemas.workflows import steps, synchronizations, workflow_specs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.schemas.workflows import WorkflowSpec

Finding = tuple[str, str]
_TYPES = ("container", "script", "dag", "steps", "resource", "suspend", "containerSet", "data", "http", "plugin")
_COMPARATORS = {"string": {"", "=", "!="}, "number": {"", "=", "!=", "<", ">", "<=", ">="}, "bool": {""}}
_OPERATIONS = {"", "create", "update", "patch", "delete"}
_PARAMETER_OPERATIONS = {"", "append", "prepend", "overwrite"}


def broken_rules(manifest: dict[str, Any], *, where: str, at: str = "") -> Iterator[Problem]:
    """Check a manifest that satisfies its schema."""
    kind = manifest.get("kind")
    if kind == "Sensor":
        findings = list(_sensor(manifest))
    elif kind == "EventSource":
        findings = list(_event_source(manifest))
    else:
        findings = [finding for spec in workflow_specs(manifest) for finding in _workflow(spec)]
    for path, what in findings:
        yield Problem(where=where, path=join(at, path), what=what)


def _workflow(spec: WorkflowSpec) -> Iterator[Finding]:
    for path, block in synchronizations(spec):
        locks = [*block.get("mutexes", ()), *block.get("semaphores", ())]
        if not locks:
            yield path, "an empty synchronization locks nothing"
        if len(locks) > 1:
            yield path, "more than one lock in a synchronization block can deadlock"
        for lock in block.get("semaphores", ()):
            if not {"configMapKeyRef", "database"} & lock.keys():
                yield path, "a semaphore without a source of its limit"
        for lock in block.get("mutexes", ()):
            if not lock.get("name"):
                yield path, "a mutex without a name"
    for index, template in enumerate(spec.templates):
        for path, what in _template(template):
            yield join(spec.path, "templates", index, path), what


def _template(template: dict[str, Any]) -> Iterator[Finding]:
    types = [name for name in _TYPES if name in template]
    if len(types) > 1:
        yield "", f"a template has one type, not {' and '.join(types)}"
    if not types:
        yield "", "a template without a type does nothing"
    if {"steps", "dag"} & template.keys():
        for key in ("activeDeadlineSeconds", "timeout"):
            if key in template:
                yield key, f"{key} has no effect on steps and dag templates"
    if "containerSet" in template and "main" not in {one["name"] for one in template["containerSet"]["containers"]}:
        yield "containerSet.containers", "outputs are taken from a container called main, and there is none"
    yield from _tasks(template)


def _tasks(template: dict[str, Any]) -> Iterator[Finding]:
    for path, task in steps(template):
        if "depends" in task and "dependencies" in task:
            yield path, "depends and dependencies exclude each other"
        if "depends" in task and "continueOn" in task:
            yield path, "continueOn cannot be used with depends"
        if {"depends", "dependencies"} & task.keys() and task.get("name", "")[:1].isdigit():
            yield path, "the name of a task with dependencies cannot begin with a digit"


def _sensor(sensor: dict[str, Any]) -> Iterator[Finding]:
    for index, dependency in enumerate(sensor["spec"]["dependencies"]):
        for path, what in _dependency(dependency):
            yield join("spec.dependencies", index, path), what
    for path, trigger in triggers(sensor):
        for place, what in _trigger(trigger):
            yield join(path, place), what
    for path, creator in creators(sensor):
        if creator.get("operation", "") not in _OPERATIONS and path.endswith("k8s"):
            yield join(path, "operation"), f"unknown operation {creator['operation']!r}"
        for index, parameter in enumerate(creator.get("parameters", ())):
            if parameter.get("operation", "") not in _PARAMETER_OPERATIONS:
                yield join(path, "parameters", index, "operation"), f"unknown operation {parameter['operation']!r}"
            if "src" not in parameter:
                yield join(path, "parameters", index), "a parameter without src"


def _trigger(trigger: dict[str, Any]) -> Iterator[Finding]:
    template = trigger.get("template")
    if template is None:
        yield "template", "a trigger without a template"
        return
    kinds = template.keys() - {"name", "conditions", "conditionsReset"}
    if len(kinds) != 1:
        yield "template", f"a trigger does exactly one thing, not {sorted(kinds) or 'nothing'}"
    if not trigger.get("atLeastOnce"):
        for key in ("retryStrategy", "dlqTrigger"):
            if key in trigger:
                yield key, f"{key} has no effect without atLeastOnce beside it"


def _dependency(dependency: dict[str, Any]) -> Iterator[Finding]:
    if dependency.get("filtersLogicalOperator", "and") != "and":
        yield "filtersLogicalOperator", "`or` drops the event as soon as one path is missing"
    for index, condition in enumerate(dependency.get("filters", {}).get("data", ())):
        for what in _data_filter(condition):
            yield join("filters.data", index), what


def _data_filter(condition: dict[str, Any]) -> Iterator[str]:
    kind, comparator, values = condition["type"], condition.get("comparator", ""), condition["value"]
    if kind not in _COMPARATORS:
        yield f"unknown type {kind!r}"
        return
    if comparator not in _COMPARATORS[kind]:
        yield f"comparator {comparator!r} has no meaning for a {kind}"
    if not values:
        yield "no values"
    if comparator == "!=" and len(values) > 1:
        yield "!= holds as soon as one of the values does not match"
    for value in values:
        yield from _filter_value(kind, value)


def _filter_value(kind: str, value: str) -> Iterator[str]:
    if kind == "bool" and value not in {"true", "false"}:
        yield f"{value!r} is not a boolean"
    if kind == "number":
        try:
            float(value)
        except ValueError:
            yield f"{value!r} is not a number"
    if kind == "string":
        try:
            re.compile(value)
        except re.error as error:
            yield f"{value!r} is not a regular expression: {error}"
        if not (value.startswith("^") and value.endswith("$")):
            yield f"{value!r} is a regular expression without anchors: it matches anything that contains it"


def _event_source(source: dict[str, Any]) -> Iterator[Finding]:
    for name, github in source["spec"].get("github", {}).items():
        if "webhookSecret" not in github:
            yield join("spec.github", name), "without webhookSecret every request is believed"

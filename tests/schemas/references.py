"""What manifests say of one another, resolved: a name that leads nowhere is found before a cluster finds it.

Guarantees: templates, parameters, locks, accounts, roles, dependencies and Sensor destinations resolve.
Does not: evaluate expressions; a name that only an expression builds is not seen.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.schemas.names import Names
from tests.schemas.problem import Problem, join, name_of
from tests.schemas.sensor_references import sensor_references
from tests.schemas.workflows import namespace_of, steps, synchronizations, workflow_specs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tests.schemas.workflows import WorkflowSpec

Manifest = dict[str, Any]
Finding = tuple[str, str]
_WORKFLOW_PARAMETER = re.compile(r"workflow\.parameters\.([A-Za-z0-9_-]+)|workflow\.parameters\[['\"]([^'\"]+)['\"]\]")
_INPUT_PARAMETER = re.compile(r"inputs\.parameters\.([A-Za-z0-9_-]+)|inputs\.parameters\[['\"]([^'\"]+)['\"]\]")
_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_ALWAYS_THERE = {"default"}


def unresolved(manifests: Sequence[Manifest], *, external: Collection[str] = ()) -> list[Problem]:
    """Give every reference that no manifest answers.

    `external` names what exists already, as `Kind/namespace/name`, such as `ServiceAccount/argo-events/sensor`.
    """
    names = Names(manifests, external=external)
    found: list[Problem] = []
    for manifest in manifests:
        where = name_of(manifest)
        checks = [_workflow(spec, names) for spec in workflow_specs(manifest)]
        checks.append(_accounts(manifest, names))
        if manifest.get("kind") == "Sensor":
            checks.append(sensor_references(manifest, names))
        if manifest.get("kind") in {"RoleBinding", "ClusterRoleBinding"}:
            checks.append(_binding(manifest, names))
        found += [Problem(where=where, path=path, what=what) for check in checks for path, what in check]
    return found


def _workflow(spec: WorkflowSpec, names: Names) -> Iterator[Finding]:
    own = [template["name"] for template in spec.templates if "name" in template]
    for name in sorted({name for name in own if own.count(name) > 1}):
        yield join(spec.path, "templates"), f"two templates are called {name!r}"
    base: dict[str, Any] = {}
    reference = spec.spec.get("workflowTemplateRef")
    if reference is not None:
        target = names.find("WorkflowTemplate", spec.namespace, reference.get("name", ""))
        if target is None and not names.exists("WorkflowTemplate", spec.namespace, reference.get("name", "")):
            yield join(spec.path, "workflowTemplateRef"), f"no WorkflowTemplate {reference.get('name')!r} here"
        base = (target or {}).get("spec", {})
        if target is not None:
            yield from _handed_over(spec, base)
    known = {*own, *(template.get("name") for template in base.get("templates", ()))}
    yield from _entries(spec, known, opaque=reference is not None and not base)
    for index, template in enumerate(spec.templates):
        for path, what in _calls(template, known, names, namespace=spec.namespace):
            yield join(spec.path, "templates", index, path), what
        for path, what in _inputs(template):
            yield join(spec.path, "templates", index, path), what
    yield from _parameters(spec, base)
    yield from _locks(spec, names)


def _entries(spec: WorkflowSpec, known: set[Any], *, opaque: bool) -> Iterator[Finding]:
    for key in ("entrypoint", "onExit"):
        name = spec.spec.get(key)
        if name is not None and name not in known and not opaque:
            yield join(spec.path, key), f"no template {name!r}"
    if "entrypoint" not in spec.spec and "workflowTemplateRef" not in spec.spec:
        yield join(spec.path, "entrypoint"), "neither an entrypoint nor a workflowTemplateRef"
    for name, hook in spec.spec.get("hooks", {}).items():
        if "template" in hook and hook["template"] not in known and not opaque:
            yield join(spec.path, "hooks", name), f"no template {hook['template']!r}"


def _calls(template: dict[str, Any], known: set[Any], names: Names, *, namespace: str) -> Iterator[Finding]:
    for path, step in steps(template):
        callers = [(path, step), *((join(path, "hooks", name), hook) for name, hook in step.get("hooks", {}).items())]
        for place, caller in callers:
            if "template" in caller and caller["template"] not in known:
                yield place, f"no template {caller['template']!r}"
            reference = caller.get("templateRef")
            if reference and not reference.get("clusterScope"):
                target = names.find("WorkflowTemplate", namespace, reference.get("name", ""))
                inside = {one.get("name") for one in (target or {}).get("spec", {}).get("templates", ())}
                if reference.get("template") not in inside:
                    yield place, f"no template {reference.get('name')}/{reference.get('template')}"
            if not {"template", "templateRef", "inline"} & caller.keys():
                yield place, "a step without a template"
    containers = template.get("containerSet", {}).get("containers", ())
    for container in containers:
        for name in container.get("dependencies", ()):
            if name not in {one.get("name") for one in containers}:
                yield "containerSet.containers", f"no container {name!r}"


def _inputs(template: dict[str, Any]) -> Iterator[Finding]:
    declared = {one.get("name") for one in template.get("inputs", {}).get("parameters", ())}
    for name in _used(template, _INPUT_PARAMETER) - declared:
        yield "inputs.parameters", f"inputs.parameters.{name} is used but not declared"


def _parameters(spec: WorkflowSpec, base: dict[str, Any]) -> Iterator[Finding]:
    arguments = spec.spec.get("arguments", {}).get("parameters", ())
    own = [parameter.get("name") for parameter in arguments]
    for name in sorted({name for name in own if own.count(name) > 1}):
        yield join(spec.path, "arguments.parameters"), f"two parameters are called {name!r}"
    declared = {*own, *(one.get("name") for one in base.get("arguments", {}).get("parameters", ()))}
    for name in sorted(_used(spec.spec, _WORKFLOW_PARAMETER) - declared):
        yield join(spec.path, "arguments.parameters"), f"workflow.parameters.{name} is used but not declared"


def _handed_over(spec: WorkflowSpec, base: dict[str, Any]) -> Iterator[Finding]:
    """Check the arguments that are given to a WorkflowTemplate against those that it declares."""
    declared = {one["name"]: one for one in base.get("arguments", {}).get("parameters", ())}
    given = {one["name"] for one in spec.spec.get("arguments", {}).get("parameters", ())}
    place = join(spec.path, "arguments.parameters")
    for name in sorted(given - declared.keys()):
        yield place, f"the WorkflowTemplate has no parameter {name!r}"
    for name, parameter in declared.items():
        if name not in given and not {"value", "default", "valueFrom"} & parameter.keys():
            yield place, f"the WorkflowTemplate needs a parameter {name!r}"


def _locks(spec: WorkflowSpec, names: Names) -> Iterator[Finding]:
    for path, block in synchronizations(spec):
        for lock in block.get("semaphores", ()):
            reference = lock.get("configMapKeyRef")
            if reference is None:
                continue
            namespace = lock.get("namespace", spec.namespace)
            holder = names.find("ConfigMap", namespace, reference.get("name", ""))
            external = names.exists("ConfigMap", namespace, reference.get("name", ""))
            if holder is None and not external:
                yield path, f"no ConfigMap {reference.get('name')!r} for the semaphore"
            elif holder is not None and reference.get("key") not in holder.get("data", {}):
                yield path, f"ConfigMap {reference.get('name')!r} has no key {reference.get('key')!r}"


def _accounts(manifest: Manifest, names: Names) -> Iterator[Finding]:
    scopes: list[tuple[str, str, Any]] = [("", namespace_of(manifest), manifest)]
    if manifest.get("kind") == "Sensor":
        scopes += [(spec.path, spec.namespace, spec.spec) for spec in workflow_specs(manifest)]
    for path, namespace, scope in scopes:
        for place, name in _found(scope, "serviceAccountName"):
            if name not in _ALWAYS_THERE and "{{" not in name and not names.exists("ServiceAccount", namespace, name):
                yield join(path, place), f"no ServiceAccount {name!r} in namespace {namespace!r}"


def _binding(binding: Manifest, names: Names) -> Iterator[Finding]:
    role, namespace = binding.get("roleRef", {}), namespace_of(binding)
    kind = role.get("kind", "")
    if not names.exists(kind, "" if kind == "ClusterRole" else namespace, role.get("name", "")):
        yield "roleRef", f"no {kind} {role.get('name')!r}"
    for index, subject in enumerate(binding.get("subjects", ())):
        inside, name = subject.get("namespace", namespace), subject.get("name", "")
        if subject.get("kind") == "ServiceAccount" and not names.exists("ServiceAccount", inside, name):
            yield join("subjects", index), f"no ServiceAccount {name!r} in namespace {inside!r}"


def _used(scope: object, pattern: re.Pattern[str]) -> set[str]:
    """Collect the names that tags use; text outside of {{ }} is only text."""
    tags = _TAG.findall(json.dumps(scope).replace('\\"', '"'))
    return {one or other for tag in tags for one, other in pattern.findall(tag)}


def _found(scope: object, key: str, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(scope, dict):
        for name, value in scope.items():
            if name == key and isinstance(value, str):
                yield join(path, name), value
            else:
                yield from _found(value, key, join(path, str(name)))
    elif isinstance(scope, list):
        for index, item in enumerate(scope):
            yield from _found(item, key, join(path, index))

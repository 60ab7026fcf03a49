"""The rules of the built-in kinds beyond the general ones: decoding, defaults and validation, as far as clients notice.

Guarantees: Lease times need microseconds, ConfigMap data is text and at most 1 MiB, Events stay with what they involve,
Jobs and Pods need containers, a Pod's node is set by binding only.
Not guaranteed: the rest of the validation of Pods, Jobs, Secrets, roles and network policies.
"""

import base64
import re
from collections.abc import Callable, Iterator

from tests.doubles.kubernetes.errors import Problem, bad_request
from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.resources import Resource
from tests.doubles.kubernetes.schema import prune, violations

MAX_CONFIGMAP = 1024 * 1024
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.,]\d{6}(Z|[+-]\d\d:\d\d)")
TEXT: JsonObject = {"type": "string", "nullable": True}
NUMBER: JsonObject = {"type": "integer", "nullable": True}
FREE: JsonObject = {"x-kubernetes-preserve-unknown-fields": True}
TEXTS: JsonObject = {"type": "object", "nullable": True, "additionalProperties": TEXT}
SCHEMAS: dict[str, JsonObject] = {
    "configmaps": {
        "properties": {"data": TEXTS, "binaryData": TEXTS, "immutable": {"type": "boolean", "nullable": True}}
    },
    "leases": {
        "properties": {
            "spec": {
                "type": "object",
                "nullable": True,
                "properties": {
                    "acquireTime": TEXT,
                    "holderIdentity": TEXT,
                    "leaseDurationSeconds": NUMBER,
                    "leaseTransitions": NUMBER,
                    "preferredHolder": TEXT,
                    "renewTime": TEXT,
                    "strategy": TEXT,
                },
            }
        }
    },
}


def decode(item: JsonObject, *, resource: Resource) -> tuple[JsonObject, list[str]]:
    """Return the object as a typed server would read it, and the fields it did not know."""
    schema = SCHEMAS.get(resource.plural)
    if schema is None:
        return item, []
    decoded, unknown = prune(item, schema)
    problem = next(violations(decoded, schema), None)
    prefix = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
    if problem is not None:
        raise bad_request(f"{prefix}: json: cannot unmarshal into Go struct field {resource.kind}.{problem.field}")
    if resource.plural == "leases":
        spec = {key: value for key, value in (decoded.get("spec") or {}).items() if value is not None}
        for name in ("acquireTime", "renewTime"):
            if spec.get(name) and not MICRO_TIME.fullmatch(spec[name]):
                raise bad_request(f'{prefix}: parsing time "{spec[name]}" as "2006-01-02T15:04:05.000000Z07:00"')
        decoded = {**decoded, "spec": spec}
    return decoded, unknown


def defaults(item: JsonObject, *, resource: Resource) -> JsonObject:
    """Return a new object with the defaults that later behaviour depends on."""
    if resource.plural == "pods":
        spec = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, **item.get("spec", {})}
        return {**item, "spec": spec, "status": {"phase": "Pending", **item.get("status", {})}}
    if resource.plural == "namespaces":
        labels = {"kubernetes.io/metadata.name": item["metadata"]["name"], **item["metadata"].get("labels", {})}
        return {**item, "metadata": {**item["metadata"], "labels": labels}, "status": {"phase": "Active"}}
    if resource.plural == "secrets":
        text = {key: base64.b64encode(value.encode()).decode() for key, value in item.get("stringData", {}).items()}
        kept = {key: value for key, value in item.items() if key != "stringData"}
        return {"type": "Opaque", **kept, "data": {**item.get("data", {}), **text}}
    if resource.group == "apps" or resource.plural == "jobs":
        spec = job_spec(item) if resource.plural == "jobs" else {"replicas": 1, **item.get("spec", {})}
        return {**item, "spec": spec, "status": {}}
    if resource.plural == "customresourcedefinitions":
        conditions = [{"type": kind, "status": "True"} for kind in ("NamesAccepted", "Established")]
        return {**item, "status": {"conditions": conditions, "acceptedNames": item.get("spec", {}).get("names", {})}}
    return item


def job_spec(item: JsonObject) -> JsonObject:
    """Return a Job's spec with the selector and the labels by which its pods are found."""
    spec, uid = item.get("spec", {}), item["metadata"]["uid"]
    template = spec.get("template", {})
    labels = {
        **template.get("metadata", {}).get("labels", {}),
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": item["metadata"]["name"],
        "controller-uid": uid,
        "job-name": item["metadata"]["name"],
    }
    return {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "suspend": False,
        **spec,
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}},
        "template": {**template, "metadata": {**template.get("metadata", {}), "labels": labels}},
    }


def problems(item: JsonObject, *, resource: Resource) -> Iterator[Problem]:
    """Yield what is wrong with an object of a built-in kind."""
    if check := CHECKS.get(resource.plural):
        yield from check(item)


def config_map_problems(item: JsonObject) -> Iterator[Problem]:
    """Yield what is wrong with a ConfigMap."""
    size = sum(len(value) for value in (item.get("binaryData") or {}).values()) * 3 // 4
    size += sum(len(value.encode()) for value in (item.get("data") or {}).values())
    if size > MAX_CONFIGMAP:
        said = f"Too long: may not be more than {MAX_CONFIGMAP} bytes"
        yield Problem(field="[]", message=said, reason="FieldValueTooLong")
    for key in item.get("data") or {}:
        if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key):
            yield Problem(field=f"data[{key}]", message=f'Invalid value: "{key}": a valid config key must be plain')


def sealed_problems(item: JsonObject, old: JsonObject) -> Iterator[Problem]:
    """Yield what a replacement changes of a ConfigMap or Secret that is immutable."""
    if old.get("immutable"):
        said = "Forbidden: field is immutable when `immutable` is set"
        for field in ("immutable", "data", "binaryData"):
            if (item.get(field) or {}) != (old.get(field) or {}):
                yield Problem(field=field, message=said, reason="FieldValueForbidden")


def event_problems(item: JsonObject) -> Iterator[Problem]:
    """Yield what is wrong with an Event."""
    involved = item.get("involvedObject", {}).get("namespace", "")
    if (involved or "default") != item["metadata"].get("namespace"):
        said = f'Invalid value: "{involved}": does not match event.namespace'
        yield Problem(field="involvedObject.namespace", message=said)


def pod_problems(item: JsonObject) -> Iterator[Problem]:
    """Yield what is wrong with a Pod."""
    if not (item.get("spec") or {}).get("containers"):
        yield Problem(field="spec.containers", message="Required value", reason="FieldValueRequired")


def definition_problems(item: JsonObject) -> Iterator[Problem]:
    """Yield what is wrong with a CustomResourceDefinition."""
    spec, name = item.get("spec") or {}, item["metadata"].get("name", "")
    if name != f"{spec.get('names', {}).get('plural')}.{spec.get('group')}":
        said = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        yield Problem(field="metadata.name", message=said)


def lease_problems(item: JsonObject) -> Iterator[Problem]:
    """Yield what is wrong with a Lease."""
    spec = item.get("spec") or {}
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        said = f"Invalid value: {duration}: must be greater than 0"
        yield Problem(field="spec.leaseDurationSeconds", message=said)
    if transitions is not None and transitions < 0:
        said = f"Invalid value: {transitions}: must be greater than or equal to 0"
        yield Problem(field="spec.leaseTransitions", message=said)


def job_problems(item: JsonObject) -> Iterator[Problem]:
    """Yield what is wrong with a Job."""
    pod = (item.get("spec") or {}).get("template", {}).get("spec", {})
    if not pod.get("containers"):
        yield Problem(field="spec.template.spec.containers", message="Required value", reason="FieldValueRequired")
    if pod.get("restartPolicy") not in {"Never", "OnFailure"}:
        said = 'Required value: valid values: "OnFailure", "Never"'
        yield Problem(field="spec.template.spec.restartPolicy", message=said, reason="FieldValueRequired")


CHECKS: dict[str, Callable[[JsonObject], Iterator[Problem]]] = {
    "configmaps": config_map_problems,
    "customresourcedefinitions": definition_problems,
    "events": event_problems,
    "jobs": job_problems,
    "leases": lease_problems,
    "pods": pod_problems,
}

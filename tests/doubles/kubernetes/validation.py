"""The rules of metadata that hold for every kind: names, labels, annotations, owner references.

Guarantees: the same values are refused as by the real server, with the same fields named.
Not guaranteed: managedFields; they are dropped.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.doubles.kubernetes.errors import Problem
from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.resources import Resource

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
PATH_SEGMENT = re.compile(r"(?!\.{1,2}$)[^/%]+")
MAX_LABEL = 63
MAX_SUBDOMAIN = 253
MAX_ANNOTATIONS = 256 * 1024
LABEL_NAMED = frozenset({"namespaces"})
PATH_NAMED = frozenset({"roles", "rolebindings"})
KNOWN = frozenset(
    {
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
DROPPED = frozenset({"managedFields", "selfLink"})
DROPPED_WHEN_EMPTY = frozenset({"annotations", "finalizers", "generateName", "labels", "namespace", "ownerReferences"})


def normal(metadata: Mapping[str, Any]) -> JsonObject:
    """Return metadata as the server stores it: known fields only, empty ones left out."""
    kept = {key: value for key, value in metadata.items() if key in KNOWN - DROPPED and value is not None}
    return {key: value for key, value in kept.items() if value or key not in DROPPED_WHEN_EMPTY}


def is_subdomain(value: str) -> bool:
    """Tell whether a value is a DNS-1123 subdomain."""
    return len(value) <= MAX_SUBDOMAIN and SUBDOMAIN.fullmatch(value) is not None


def is_qualified(value: str) -> bool:
    """Tell whether a value may be the key of a label or an annotation."""
    prefix, slash, name = value.rpartition("/")
    return (not slash or is_subdomain(prefix)) and len(name) <= MAX_LABEL and QUALIFIED.fullmatch(name) is not None


def name_problems(name: str, *, resource: Resource) -> Iterator[Problem]:
    """Yield what is wrong with an object's name."""
    shown = f'Invalid value: "{name}"'
    if resource.plural in PATH_NAMED:
        if not PATH_SEGMENT.fullmatch(name):
            yield Problem(field="metadata.name", message=f"{shown}: may not be '.' or '..' or contain '/' or '%'")
    elif resource.plural in LABEL_NAMED:
        if len(name) > MAX_LABEL or not LABEL.fullmatch(name):
            yield Problem(
                field="metadata.name",
                message=f"{shown}: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
                "'-', and must start and end with an alphanumeric character",
            )
    elif not is_subdomain(name):
        yield Problem(
            field="metadata.name",
            message=f"{shown}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
            "'-' or '.', and must start and end with an alphanumeric character",
        )


def metadata_problems(metadata: JsonObject, *, resource: Resource) -> Iterator[Problem]:
    """Yield what is wrong with an object's metadata."""
    name = metadata.get("name", "")
    if not name:
        yield Problem(
            field="metadata.name",
            message="Required value: name or generateName is required",
            reason="FieldValueRequired",
        )
    else:
        yield from name_problems(name, resource=resource)
    for key, value in metadata.get("labels", {}).items():
        if not is_qualified(key):
            yield Problem(
                field="metadata.labels", message=f'Invalid value: "{key}": name part must be a valid label key'
            )
        if len(value) > MAX_LABEL or (value and not QUALIFIED.fullmatch(value)):
            yield Problem(field="metadata.labels", message=f'Invalid value: "{value}": a valid label must be short')
    annotations = metadata.get("annotations", {})
    for key in annotations:
        if not is_qualified(key.lower()):
            yield Problem(field="metadata.annotations", message=f'Invalid value: "{key}": name part must be valid')
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > MAX_ANNOTATIONS:
        yield Problem(
            field="metadata.annotations",
            message=f"Too long: may not be more than {MAX_ANNOTATIONS} bytes",
            reason="FieldValueTooLong",
        )
    for finalizer in metadata.get("finalizers", ()):
        if not is_qualified(finalizer):
            yield Problem(field="metadata.finalizers", message=f'Invalid value: "{finalizer}": must be qualified')
    yield from owner_problems(metadata)


def owner_problems(metadata: JsonObject) -> Iterator[Problem]:
    """Yield what is wrong with an object's owner references."""
    references = metadata.get("ownerReferences", ())
    for index, reference in enumerate(references):
        for required in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(required):
                path = f"metadata.ownerReferences[{index}].{required}"
                yield Problem(field=path, message='Invalid value: "": must not be empty')
    if sum(bool(reference.get("controller")) for reference in references) > 1:
        yield Problem(
            field="metadata.ownerReferences",
            message="Invalid value: only one reference can have Controller set to true",
        )


def decoding_problem(metadata: object) -> str:
    """Return why metadata cannot be decoded at all, empty if it can."""
    if not isinstance(metadata, dict):
        return "json: cannot unmarshal value into Go struct field .metadata of type v1.ObjectMeta"
    for name in ("labels", "annotations"):
        values = metadata.get(name) or {}
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            return f"json: cannot unmarshal value into Go struct field ObjectMeta.metadata.{name} of type string"
    return ""

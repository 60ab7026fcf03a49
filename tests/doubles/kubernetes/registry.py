"""Creates and updates objects: from the decoded body to the store.

Guarantees: identity, time and version are the server's, never the client's; an update is a compare-and-swap where the
kind demands it; an update that changes nothing keeps its version; `status` and the rest never overwrite each other.
Not guaranteed: managedFields and server-side apply.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tests.doubles.kubernetes import builtin
from tests.doubles.kubernetes.errors import (
    UNKNOWN,
    ApiError,
    Problem,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.resources import Resource
from tests.doubles.kubernetes.schema import default, prune, violations
from tests.doubles.kubernetes.store import Store
from tests.doubles.kubernetes.validation import KNOWN, decoding_problem, metadata_problems, normal

STALE = "the object has been modified; please apply your changes to the latest version and try again"
NAME_ALPHABET = "bcdfghjklmnpqrst"
SUFFIX = 5
MAX_GENERATED = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A body that fits its kind, and the fields that were dropped to make it fit."""

    item: JsonObject
    unknown: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Writes to the store by the rules."""

    store: Store
    clock: Callable[[], datetime]
    new_uid: Callable[[], str]

    def now(self) -> str:
        """Return the present second as the server writes it."""
        return timestamp(self.clock())

    def read(self, resource: Resource, *, namespace: str, name: str) -> JsonObject:
        """Return a stored object or say that it is missing."""
        item = self.store.get(resource, namespace=namespace, name=name)
        if item is None:
            raise not_found(resource.subject(name))
        return item

    def create(self, resource: Resource, body: JsonObject, *, namespace: str, dry_run: bool = False) -> JsonObject:
        """Create an object from a decoded body."""
        metadata = dict(body["metadata"])
        self._check_namespace(resource, namespace, name=metadata.get("name", ""))
        uid = self.new_uid()
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(NAME_ALPHABET[int(digit, 16)] for digit in uid.replace("-", "")[:SUFFIX])
            metadata["name"] = metadata["generateName"][: MAX_GENERATED - SUFFIX] + suffix
        metadata |= {"uid": uid, "creationTimestamp": self.now()}
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"):
            given = metadata.pop(name, None)
            if name == "resourceVersion" and given:
                raise ApiError(
                    code=500, reason=UNKNOWN, message="resourceVersion should not be set on objects to be created"
                )
        if resource.namespaced:
            metadata["namespace"] = namespace
        if resource.generation:
            metadata["generation"] = 1
        item = {"apiVersion": resource.api_version, "kind": resource.kind, **body, "metadata": metadata}
        if resource.has_status and resource.plural != "pods":
            item.pop("status", None)
        if metadata.get("name"):
            item = builtin.defaults(item, resource=resource)
        self._validate(resource, item)
        if self.store.get(resource, namespace=namespace, name=metadata["name"]) is not None:
            raise already_exists(resource.subject(metadata["name"]))
        return item if dry_run else self.store.put(resource, item)

    def _check_namespace(self, resource: Resource, namespace: str, *, name: str) -> None:
        if not resource.namespaced:
            return
        home = self.store.objects["", "namespaces"].get(("", namespace))
        if home is None:
            raise ApiError(
                code=404,
                message=f'namespaces "{namespace}" not found',
                details={"name": namespace, "kind": "namespaces"},
            )
        if home["metadata"].get("deletionTimestamp"):
            subject = resource.subject(name)
            said = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise ApiError(
                code=403,
                message=f'{subject.qualified} "{name}" is forbidden: {said}',
                details=subject.details(),
            )

    def update(
        self, resource: Resource, old: JsonObject, new: JsonObject, *, subresource: str = "", dry_run: bool = False
    ) -> JsonObject:
        """Replace an object, or its status, by a decoded body."""
        subject = resource.subject(old["metadata"]["name"])
        before, metadata = old["metadata"], dict(new["metadata"])
        given_uid, given_version = metadata.get("uid", ""), metadata.get("resourceVersion", "")
        if given_uid and given_uid != before["uid"]:
            said = f"UID in precondition: {given_uid}, UID in object meta: {before['uid']}"
            raise conflict(subject, f"Precondition failed: {said}")
        if not given_version and not resource.unconditional:
            said = "Invalid value: 0: must be specified for an update"
            subject = replace(subject, kind=resource.plural)
            raise invalid(subject, [Problem(field="metadata.resourceVersion", message=said)])
        if given_version and given_version != before["resourceVersion"]:
            raise conflict(subject, STALE)
        metadata |= {key: before[key] for key in ("uid", "name", "creationTimestamp")}
        for key in ("generation", "deletionTimestamp", "deletionGracePeriodSeconds", "namespace", "resourceVersion"):
            metadata.pop(key, None)
            if key in before:
                metadata[key] = before[key]
        item = self._merge_status(resource, old, {**new, "metadata": metadata}, to_status=subresource == "status")
        self._validate(resource, item, old=old)
        if resource.generation and self._spec_of(resource, item) != self._spec_of(resource, old):
            item["metadata"]["generation"] = before["generation"] + 1
        if item == old or dry_run:
            return item
        if removable(item):
            return self.store.remove(resource, namespace=before.get("namespace", ""), name=before["name"])
        return self.store.put(resource, item)

    @staticmethod
    def _merge_status(resource: Resource, old: JsonObject, new: JsonObject, *, to_status: bool) -> JsonObject:
        item = {**new, "apiVersion": resource.api_version, "kind": resource.kind}
        if not resource.has_status:
            return item
        if to_status:
            kept = {key: value for key, value in old.items() if key != "status"}
            metadata = old["metadata"] if resource.custom else {**item["metadata"]}
            item = {**kept, "metadata": dict(metadata), "status": item.get("status")}
        else:
            item["status"] = old.get("status")
        if item["status"] is None:
            del item["status"]
        return item

    @staticmethod
    def _spec_of(resource: Resource, item: JsonObject) -> JsonObject:
        ignored = {"metadata", "apiVersion", "kind"} | ({"status"} if resource.has_status else set())
        return {key: value for key, value in item.items() if key not in ignored}

    @staticmethod
    def _validate(resource: Resource, item: JsonObject, *, old: JsonObject | None = None) -> None:
        metadata = item["metadata"]
        found = list(metadata_problems(metadata, resource=resource))
        if old is not None:
            found += update_problems(metadata, old["metadata"])
            moved = item.get("spec", {}).get("nodeName") != old.get("spec", {}).get("nodeName")
            if resource.plural == "pods" and moved:
                said = "Forbidden: pod updates may not change fields other than image and a few more"
                found.append(Problem(field="spec", message=said, reason="FieldValueForbidden"))
            if resource.plural in {"configmaps", "secrets"}:
                found += builtin.sealed_problems(item, old)
        if resource.custom:
            found += violations(item, resource.schema or {})
        else:
            found += builtin.problems(item, resource=resource)
        if found:
            raise invalid(resource.subject(metadata.get("name", "")), found)


def timestamp(moment: datetime) -> str:
    """Write a moment with the resolution of metav1.Time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def removable(item: JsonObject) -> bool:
    """Tell whether an object that is being deleted has nothing left to wait for."""
    metadata = item["metadata"]
    grace = metadata.get("deletionGracePeriodSeconds", 0)
    return bool(metadata.get("deletionTimestamp")) and not metadata.get("finalizers") and not grace


def update_problems(new: JsonObject, old: JsonObject) -> list[Problem]:
    """Return what an update of metadata must not do."""
    found = []
    added = sorted(set(new.get("finalizers", ())) - set(old.get("finalizers", ())))
    if old.get("deletionTimestamp") and added:
        listed = ", ".join(f'"{each}"' for each in added)
        said = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers"
        found.append(
            Problem(field="metadata.finalizers", message=f"{said} []string{{{listed}}}", reason="FieldValueForbidden")
        )
    return found


def decode(resource: Resource, body: object) -> Decoded:
    """Check a body against its kind: shape, group and version, unknown fields."""
    if not isinstance(body, dict):
        raise bad_request("couldn't get version/kind; json parse error: the body is not an object")
    if resource.custom and not (body.get("kind") and body.get("apiVersion")):
        raise bad_request(f"the object provided is unrecognized (must be of type {resource.kind}): no kind or version")
    kind, version = body.get("kind") or resource.kind, body.get("apiVersion") or resource.api_version
    if kind != resource.kind or version != resource.api_version:
        raise bad_request(
            f"the API version in the data ({version}, Kind={kind}) does not match the expected API version "
            f"({resource.api_version}, Kind={resource.kind})"
        )
    metadata = body.get("metadata") or {}
    if problem := decoding_problem(metadata):
        raise bad_request(f'{kind} in version "{resource.version}" cannot be handled as a {kind}: {problem}')
    unknown = [f"metadata.{key}" for key in metadata if key not in KNOWN]
    item: JsonObject = {**body, "metadata": normal(metadata)}
    dropped: list[str] = []
    if resource.custom:
        if resource.schema is not None:
            item, dropped = prune(default(item, resource.schema), resource.schema)
    else:
        item, dropped = builtin.decode(item, resource=resource)
    return Decoded(item=item, unknown=unknown + dropped)

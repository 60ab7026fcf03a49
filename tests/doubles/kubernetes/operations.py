"""The verbs: each turns a request about a known resource into changes of the store and an answer.

Guarantees: a body is decoded, checked for unknown fields and only then applied; PATCH is applied to the present state.
"""

import json
from dataclasses import dataclass
from typing import Any

from tests.doubles.kubernetes.deletion import delete, parse_options
from tests.doubles.kubernetes.errors import ApiError, Problem, Subject, bad_request, conflict, invalid
from tests.doubles.kubernetes.listing import Selection, listed, metadata_only, select, wants_metadata
from tests.doubles.kubernetes.messages import JsonObject, Request, Response, answer
from tests.doubles.kubernetes.patching import PatchFailedError, apply_operations, merge
from tests.doubles.kubernetes.registry import Registry, decode
from tests.doubles.kubernetes.resources import Resource
from tests.doubles.kubernetes.routes import Target

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
# Whole numbers above this are not exact in a float.
_EXACT = 2**53


def _number(text: str) -> float | int:
    """Read a number with a point as an API server does: it stores 1.0 as 1."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def parsed(request: Request, *, strict: bool = True) -> Any:  # noqa: ANN401 - JSON is any value
    """Decode a request's body; nothing if it is empty, or broken and not `strict`."""
    if not request.body:
        return None
    try:
        return json.loads(request.body, parse_float=_number)
    except ValueError as error:
        if strict:
            raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """The verbs over one registry."""

    registry: Registry

    def run(self, request: Request, resource: Resource, target: Target) -> Response:
        """Carry out a request."""
        if target.subresource:
            return self._subresource(request, resource, target)
        verbs = {
            ("GET", True): self._get,
            ("GET", False): self._list,
            ("POST", False): self._create,
            ("PUT", True): self._replace,
            ("PATCH", True): self._patch,
            ("DELETE", True): self._delete,
            ("DELETE", False): self._delete_collection,
        }
        verb = verbs.get((request.method, bool(target.name)))
        if verb is None:
            raise ApiError(code=405, message="the server does not allow this method on the requested resource")
        return verb(request, resource, target)

    def _get(self, request: Request, resource: Resource, target: Target) -> Response:
        item = self.registry.read(resource, namespace=target.namespace, name=target.name)
        return answer(status=200, body=metadata_only(item) if wants_metadata(request) else item)

    def _list(self, request: Request, resource: Resource, target: Target) -> Response:
        page = listed(self.registry.store, self.selection(request, resource, target), request.query)
        return answer(status=200, body=page)

    def selection(self, request: Request, resource: Resource, target: Target) -> Selection:
        """Return which objects a list or watch is about."""
        return select(request, resource=resource, namespace=target.namespace)

    def _decoded(self, request: Request, resource: Resource, body: Any) -> tuple[JsonObject, dict[str, str]]:  # noqa: ANN401 - JSON
        decoded = decode(resource, body)
        validation = request.query.get("fieldValidation", "Warn")
        said = [f'unknown field "{path}"' for path in decoded.unknown]
        if said and validation == "Strict":
            raise bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
                f"strict decoding error: {', '.join(said)}"
            )
        warning = ", ".join(f'299 - "{each}"'.replace('field "', 'field \\"').replace('""', '\\""') for each in said)
        return decoded.item, {"Warning": warning} if said and validation == "Warn" else {}

    def _create(self, request: Request, resource: Resource, target: Target) -> Response:
        item, headers = self._decoded(request, resource, parsed(request))
        namespace = target.namespace
        given = item["metadata"].get("namespace", "")
        if resource.namespaced and not namespace:
            raise ApiError(code=405, message="the server does not allow this method on the requested resource")
        if given and given != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        created = self.registry.create(resource, item, namespace=namespace, dry_run=bool(request.query.get("dryRun")))
        return answer(status=201, body=created, headers=headers)

    def _replace(self, request: Request, resource: Resource, target: Target) -> Response:
        item, headers = self._decoded(request, resource, parsed(request))
        metadata = item["metadata"]
        if metadata.get("name", "") != target.name:
            name = metadata.get("name", "")
            said = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
            raise bad_request(said if name else f"name must be provided: {said}")
        if metadata.get("namespace", target.namespace) != target.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        store, dry_run = self.registry.store, bool(request.query.get("dryRun"))
        old = store.get(resource, namespace=target.namespace, name=target.name)
        if old is None and resource.create_on_update and not target.subresource:
            if metadata.get("uid"):
                said = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: "
                raise conflict(resource.subject(target.name), said)
            # The real server ignores the version here: a PUT without uid brings a deleted object back.
            metadata.pop("resourceVersion", None)
            created = self.registry.create(resource, item, namespace=target.namespace, dry_run=dry_run)
            return answer(status=201, body=created, headers=headers)
        old = self.registry.read(resource, namespace=target.namespace, name=target.name)
        updated = self.registry.update(resource, old, item, subresource=target.subresource, dry_run=dry_run)
        return answer(status=200, body=updated, headers=headers)

    def _patch(self, request: Request, resource: Resource, target: Target) -> Response:
        kind = request.header("Content-Type").split(";")[0].strip()
        if kind not in {MERGE_PATCH, JSON_PATCH}:
            raise ApiError(code=415, message="415: Unsupported Media Type", details={})
        patch = parsed(request)
        old = self.registry.read(resource, namespace=target.namespace, name=target.name)
        patched = self._patched(resource, old, patch, kind)
        try:
            item, headers = self._decoded(request, resource, patched)
        except ApiError as error:
            nothing = Subject(group="", plural="", kind="", name="")
            problem = Problem(field="patch", message=f"Invalid value: {json.dumps(patched)}: {error.message}")
            raise invalid(nothing, [problem]) from error
        metadata = item["metadata"]
        if metadata.get("name") != target.name:
            said = f"the name of the object ({metadata.get('name')}) does not match the name on the URL ({target.name})"
            raise bad_request(said)
        if metadata.get("uid") != old["metadata"]["uid"]:
            said = f'Invalid value: "{metadata.get("uid")}": field is immutable'
            raise invalid(resource.subject(target.name), [Problem(field="metadata.uid", message=said)])
        updated = self.registry.update(
            resource, old, item, subresource=target.subresource, dry_run=bool(request.query.get("dryRun"))
        )
        return answer(status=200, body=updated, headers=headers)

    @staticmethod
    def _patched(resource: Resource, old: JsonObject, patch: Any, kind: str) -> JsonObject:  # noqa: ANN401 - JSON
        if kind == MERGE_PATCH:
            if not isinstance(patch, dict):
                raise bad_request(f"error decoding patch: json: cannot unmarshal into a {resource.kind}")
            merged: JsonObject = merge(old, patch)
            return merged
        if not isinstance(patch, list):
            raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type Patch")
        try:
            return apply_operations(old, patch)
        except PatchFailedError as error:
            raise ApiError(
                code=422,
                message="the server rejected our request due to an error in our request",
                details={},
            ) from error

    def _delete(self, request: Request, resource: Resource, target: Target) -> Response:
        options = parse_options(parsed(request) or {}, request.query)
        done = delete(self.registry, resource, namespace=target.namespace, name=target.name, options=options)
        if not done.gone or resource.returns_deleted:
            return answer(status=200, body=done.item)
        subject = resource.subject(target.name)
        details = {**subject.details(), "uid": done.item["metadata"]["uid"]}
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return answer(status=200, body=body)

    def _delete_collection(self, request: Request, resource: Resource, target: Target) -> Response:
        selection = self.selection(request, resource, target)
        options = parse_options(parsed(request) or {}, request.query)
        page = listed(self.registry.store, selection, request.query)
        for item in page["items"]:
            metadata = item["metadata"]
            delete(
                self.registry,
                resource,
                namespace=metadata.get("namespace", ""),
                name=metadata["name"],
                options=options,
            )
        return answer(status=200, body=page)

    def _subresource(self, request: Request, resource: Resource, target: Target) -> Response:
        if target.subresource == "status" and resource.has_status and request.method in {"GET", "PUT", "PATCH"}:
            if request.method == "GET":
                item = self.registry.read(resource, namespace=target.namespace, name=target.name)
                return answer(status=200, body=item)
            return (self._replace if request.method == "PUT" else self._patch)(request, resource, target)
        if target.subresource == "binding" and resource.plural == "pods" and request.method == "POST":
            return self._bind(resource, target, parsed(request) or {})
        raise ApiError(code=404, message="the server could not find the requested resource", details={})

    def _bind(self, resource: Resource, target: Target, body: JsonObject) -> Response:
        pod = self.registry.read(resource, namespace=target.namespace, name=target.name)
        if pod["metadata"].get("deletionTimestamp"):
            said = f"pod {target.name} is being deleted, cannot be assigned to a host"
            raise conflict(resource.subject(target.name), said)
        if bound := pod["spec"].get("nodeName"):
            said = f"pod {target.name} is already assigned to node {json.dumps(bound)}"
            raise conflict(resource.subject(target.name), said)
        spec = {**pod["spec"], "nodeName": body.get("target", {}).get("name", "")}
        self.registry.store.put(resource, {**pod, "spec": spec})
        return answer(status=201, body={"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

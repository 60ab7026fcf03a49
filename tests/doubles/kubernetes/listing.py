"""Lists: selection, consistent pages, and the reduced shapes that clients may ask for.

Guarantees: all pages of one list show the state of its first page; a page whose state is forgotten is refused with 410.
Not guaranteed: `as=Table`; such clients get plain objects.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.doubles.kubernetes.errors import ApiError, bad_request, expired
from tests.doubles.kubernetes.messages import JsonObject, Request
from tests.doubles.kubernetes.resources import Resource
from tests.doubles.kubernetes.selectors import Predicate, field_predicate, label_predicate
from tests.doubles.kubernetes.store import Store

INCONSISTENT = -1
TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects of one resource a request is about."""

    resource: Resource
    namespace: str
    predicate: Predicate
    selective: bool
    partial: bool

    def matches(self, item: JsonObject) -> bool:
        """Tell whether an object is meant."""
        here = not self.namespace or item["metadata"].get("namespace") == self.namespace
        return here and self.predicate(item)

    def shape(self, item: JsonObject) -> JsonObject:
        """Return an object in the shape that was asked for."""
        return metadata_only(item) if self.partial else item


def metadata_only(item: JsonObject) -> JsonObject:
    """Reduce an object to its metadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def wants_metadata(request: Request) -> bool:
    """Tell whether the client asked for metadata only."""
    return "as=PartialObjectMetadata" in request.header("Accept").replace(" ", "")


def select(request: Request, *, resource: Resource, namespace: str) -> Selection:
    """Read a request's selectors."""
    labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
    by_label, by_field = label_predicate(labels), field_predicate(fields, resource=resource)
    return Selection(
        resource=resource,
        namespace=namespace,
        predicate=lambda item: by_label(item) and by_field(item),
        selective=bool(labels or fields),
        partial=wants_metadata(request),
    )


def encode_token(*, version: int, start: tuple[str, str]) -> str:
    """Write a continue token."""
    content = {"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(start)}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def decode_token(token: str) -> tuple[int, tuple[str, str]]:
    """Read a continue token."""
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = str(content["start"]).rpartition("/")
        return int(content["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error


def listed(store: Store, selection: Selection, query: Mapping[str, str]) -> JsonObject:
    """Return one page of a list, or all of it."""
    limit, token = int(query.get("limit") or 0), query.get("continue", "")
    check_version(store, query.get("resourceVersion", ""))
    start: tuple[str, str] = ("", "")
    version = store.version
    if token:
        version, start = decode_token(token)
        found = store.at(selection.resource, version)
        if version == INCONSISTENT:
            version, found = store.version, store.items(selection.resource)
        if found is None:
            raise expired(TOO_OLD, token=encode_token(version=INCONSISTENT, start=start))
        items = [item for item in found if place_of(item) > start]
    else:
        items = store.items(selection.resource, namespace=selection.namespace)
    matching = [item for item in items if selection.matches(item)]
    metadata: JsonObject = {"resourceVersion": str(version)}
    if limit and len(matching) > limit:
        if not token:
            store.snapshot(selection.resource)
        rest = len(matching) - limit
        matching = matching[:limit]
        metadata["continue"] = encode_token(version=version, start=place_of(matching[-1]))
        if not selection.selective:
            metadata["remainingItemCount"] = rest
    return enveloped(selection, matching, metadata)


def check_version(store: Store, version: str) -> None:
    """Refuse a version that is not a number or lies in the future."""
    if version and not version.isdigit():
        raise bad_request(f'Invalid value: "{version}": invalid resource version')
    if version and int(version) > store.version:
        raise ApiError(code=504, message=f"Too large resource version: {version}, current: {store.version}")


def place_of(item: JsonObject) -> tuple[str, str]:
    """Return where an object stands in the order of lists."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def enveloped(selection: Selection, items: list[JsonObject], metadata: JsonObject) -> JsonObject:
    """Wrap items as the resource's list kind; items of built-in kinds do not repeat their kind."""
    resource = selection.resource
    if selection.partial:
        shaped = [metadata_only(item) for item in items]
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            # Go writes a list without elements as null, where nothing fills it in.
            "items": shaped or None,
        }
    if not resource.custom:
        items = [{key: value for key, value in item.items() if key not in {"kind", "apiVersion"}} for item in items]
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata, "items": items}

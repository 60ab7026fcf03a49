"""Direct access to the double for tests: plain calls that return dicts.

Guarantees: these calls follow every rule of the API, but are neither recorded, nor authorised, nor subject to faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.doubles.kubernetes.errors import ApiError
from tests.doubles.kubernetes.messages import TYPE_JSON, JsonObject, Request, Response, make_request
from tests.doubles.kubernetes.operations import JSON_PATCH, MERGE_PATCH

if TYPE_CHECKING:
    from tests.doubles.kubernetes.resources import Resource
    from tests.doubles.kubernetes.store import Store

REFUSED = 400


class Convenience:
    """Methods over a server that can answer requests."""

    store: Store

    @property
    def resources(self) -> list[Resource]:
        """Return everything that is served."""
        raise NotImplementedError

    def respond(self, request: Request) -> Response:
        """Answer a request."""
        raise NotImplementedError

    def find_kind(self, api_version: str, kind: str) -> Resource | None:
        """Find a resource by its kind."""
        raise NotImplementedError

    def ask(self, method: str, target: str, body: Any = b"", *, content_type: str = TYPE_JSON) -> JsonObject:  # noqa: ANN401 - JSON
        """Send a request and return the decoded answer.

        Raises:
            ApiError: The server refused.
        """
        response = self.respond(
            make_request(method=method, target=target, body=body, headers={"Content-Type": content_type})
        )
        if response.status < REFUSED:
            answered: JsonObject = response.json()
            return answered
        if response.headers.get("Content-Type") != TYPE_JSON:
            raise ApiError(code=response.status, message=response.body.decode().strip())
        status = response.json()
        raise ApiError(
            code=response.status, message=status["message"], reason=status["reason"], details=status.get("details")
        )

    def path(self, plural: str, *, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of an object or collection, found by plural alone."""
        resource = next((each for each in self.resources if each.plural == plural), None)
        if resource is None:
            raise LookupError(f"no resource {plural} is served")
        root = f"/apis/{resource.group}" if resource.group else "/api"
        home = f"/namespaces/{namespace}" if namespace and resource.namespaced else ""
        return f"{root}/{resource.version}{home}/{plural}" + "".join(f"/{each}" for each in (name, subresource) if each)

    def path_of(self, item: JsonObject, *, subresource: str = "", collection: bool = False) -> str:
        """Return the path of a manifest's object or of its collection."""
        resource = self.find_kind(item["apiVersion"], item["kind"])
        if resource is None:
            raise LookupError(f"no resource of kind {item['kind']} in {item['apiVersion']} is served")
        metadata = item["metadata"]
        namespace = metadata.get("namespace", "default" if resource.namespaced else "")
        return self.path(
            resource.plural,
            namespace=namespace,
            name="" if collection else metadata["name"],
            subresource=subresource,
        )

    def create(self, item: JsonObject) -> JsonObject:
        """Create an object from a manifest."""
        return self.ask("POST", self.path_of(item, collection=True), item)

    def get(self, plural: str, name: str, *, namespace: str = "") -> JsonObject:
        """Read an object."""
        return self.ask("GET", self.path(plural, namespace=namespace, name=name))

    def find(self, plural: str, name: str, *, namespace: str = "") -> JsonObject | None:
        """Read an object, or nothing if it is missing."""
        try:
            return self.get(plural, name, namespace=namespace)
        except ApiError as error:
            if error.reason == "NotFound":
                return None
            raise

    def list(self, plural: str, *, namespace: str = "", labels: str = "", fields: str = "") -> list[JsonObject]:
        """Return a collection's objects."""
        query = urlencode({"labelSelector": labels, "fieldSelector": fields})
        items: list[JsonObject] = self.ask("GET", f"{self.path(plural, namespace=namespace)}?{query}")["items"]
        return items

    def update(self, item: JsonObject, *, subresource: str = "") -> JsonObject:
        """Replace an object by a manifest."""
        return self.ask("PUT", self.path_of(item, subresource=subresource), item)

    def patch(
        self,
        plural: str,
        name: str,
        patch: Any,  # noqa: ANN401 - JSON
        *,
        namespace: str = "",
        subresource: str = "",
    ) -> JsonObject:
        """Apply a merge patch (an object) or a JSON patch (a list)."""
        path = self.path(plural, namespace=namespace, name=name, subresource=subresource)
        return self.ask("PATCH", path, patch, content_type=JSON_PATCH if isinstance(patch, list) else MERGE_PATCH)

    def backdate(self, plural: str, name: str, *, created: str, namespace: str = "") -> JsonObject:
        """Pretend that an object was created at another time, which no client of a real server can."""
        item = self.get(plural, name, namespace=namespace)
        resource = self.find_kind(item["apiVersion"], item["kind"])
        if resource is None:
            raise LookupError(f"no resource {plural} is served")
        with self.store.lock:
            metadata = {**item["metadata"], "creationTimestamp": created}
            return self.store.put(resource, {**item, "metadata": metadata})

    def delete(self, plural: str, name: str, *, namespace: str = "", **options: Any) -> JsonObject:  # noqa: ANN401 - JSON
        """Delete an object; options are those of DeleteOptions, by their JSON names."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options}
        return self.ask("DELETE", self.path(plural, namespace=namespace, name=name), body)

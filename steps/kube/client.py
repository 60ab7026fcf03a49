"""A client of the API server that uses raw paths and plain dictionaries.

Guarantees that an answer is the requested object, a whole page of a list, or an error by meaning; that reads are
repeated a few times; that a write is repeated only if it was refused and the caller's guard allows it; and that each
write names its reason for the audit. A write without an answer may have taken effect: the caller reads the object to
find out. The client does not check the fields of an object. The typed API classes of the library would, but CoreV1Api
alone costs one second at start-up.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from steps.core import (
    ConflictError,
    ForbiddenError,
    ListExpiredError,
    NotFoundError,
    ServerClock,
    UnavailableError,
    backoff,
    retry,
)
from steps.kube.answers import error_of, is_refused
from steps.kube.paging import read_pages
from steps.kube.shapes import check_list, check_object, parse_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.core import Clock
    from steps.kube.resources import Resource
    from steps.kube.transport import Json, Transport
    from steps.settings import KubernetesSettings
    from steps.telemetry import Audit, WriteReason


MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# An API server that has just started does not know the Roles yet. It refuses requests as if a Role were missing
# (measured: for 10 to 60 ms, in three of eight starts).
_REFUSALS, _REFUSED_S = 3, 1.0
_READ_AGAIN_S = 0.2
_METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}


Guard = Callable[[], object]
Check = Callable[[str, "Json"], None]


class Kube:
    """The verbs that the steps use."""

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        settings: KubernetesSettings,
        random: Callable[[], float],
        audit: Audit,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._settings = settings
        self._random = random
        self.audit = audit
        self.server_clock = ServerClock()

    def with_audit(self, audit: Audit) -> Kube:
        """Return a client of the same API server that writes its lines to another audit."""
        other = copy.copy(self)
        other.audit = audit
        return other

    def get(self, resource: Resource, *, namespace: str, name: str) -> Json:
        """Read one object.

        Raises:
            NotFoundError: The object does not exist.
        """
        return self._read(resource.path(namespace=namespace, name=name), check=partial(check_object, name=name))

    def list(
        self,
        resource: Resource,
        *,
        namespace: str,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
        page: int = 0,
    ) -> Iterator[Json]:
        """Read a collection, page by page.

        Args:
            resource: The kind of object.
            namespace: The namespace of the objects.
            labels: Label selector.
            fields: Field selector.
            metadata_only: Request metadata alone, a fraction of the bytes where objects are large.
            page: Objects in one page, where the usual number could be too large for memory; 0 for the usual.

        Raises:
            UnavailableError: The list could not be read to its end, or its pages expired twice.
        """
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        query = {"limit": str(page or self._settings.page)} | {name: text for name, text in selectors.items() if text}
        path, accept = resource.path(namespace=namespace), METADATA_ONLY if metadata_only else "application/json"

        def read(token: str) -> Json:
            asked = query | ({"continue": token} if token else {})
            return self._read(f"{path}?{urlencode(asked)}", accept=accept, check=check_list)

        return read_pages(read)

    def create(
        self, resource: Resource, *, namespace: str, body: Json, reason: WriteReason, guard: Guard | None = None
    ) -> Json:
        """Create an object.

        Raises:
            ConflictError: An object of this name exists.
        """
        target = resource.path(namespace=namespace)
        name = (body.get("metadata") or {}).get("name", "")  # a review has none
        return self._write(
            "create", resource, target, namespace=namespace, name=name, body=body, reason=reason, guard=guard
        )

    def replace(
        self, resource: Resource, *, namespace: str, body: Json, reason: WriteReason, guard: Guard | None = None
    ) -> Json:
        """Replace an object; `metadata.resourceVersion` in the body makes it a compare-and-swap.

        Raises:
            ConflictError: The object changed since it was read.
        """
        name = body["metadata"]["name"]
        target = resource.path(namespace=namespace, name=name)
        return self._write(
            "update", resource, target, namespace=namespace, name=name, body=body, reason=reason, guard=guard
        )

    def merge(
        self,
        resource: Resource,
        *,
        namespace: str,
        name: str,
        body: Json,
        reason: WriteReason,
        guard: Guard | None = None,
    ) -> Json:
        """Merge-patch an object. The API server refuses unknown fields instead of pruning them silently.

        Raises:
            ConflictError: `metadata.resourceVersion` in the patch is not the current one.
        """
        target = resource.path(namespace=namespace, name=name) + "?fieldValidation=Strict"
        return self._write(
            "patch", resource, target, namespace=namespace, name=name, body=body, reason=reason, guard=guard
        )

    def delete(
        self,
        resource: Resource,
        *,
        namespace: str,
        name: str,
        options: Json,
        reason: WriteReason,
        guard: Guard | None = None,
    ) -> None:
        """Delete an object under the preconditions in `options`.

        Raises:
            NotFoundError: The object does not exist.
            ConflictError: A precondition failed.
        """
        target = resource.path(namespace=namespace, name=name)
        self._write(
            "delete", resource, target, namespace=namespace, name=name, body=options, reason=reason, guard=guard
        )

    def _write(
        self,
        verb: str,
        resource: Resource,
        target: str,
        *,
        namespace: str,
        name: str,
        body: Json,
        reason: WriteReason,
        guard: Guard | None,
    ) -> Json:
        """Send a write, with its line in the audit.

        Args:
            verb: create, update, patch or delete.
            resource: The kind of object.
            target: API path and query.
            namespace: Namespace of the object.
            name: Name of the object; empty for a review.
            body: The content of the request.
            reason: The reason, for the audit.
            guard: Called before a refused write is sent again; raises if it must not be. None sends the write once.
        """

        def send() -> Json:
            with self.audit.write(
                api="kubernetes",
                verb=verb,
                resource=str(resource),
                namespace=namespace,
                name=name,
                reason=reason,
                sent=body,
                refused=is_refused,
            ) as answer:
                content_type = MERGE_PATCH if verb == "patch" else "application/json"
                # The answer to a DELETE is the object, or a Status with its name elsewhere.
                check = partial(check_object, name="" if verb == "delete" else name)
                answer.body = self._send(_METHODS[verb], target, body=body, content_type=content_type, check=check)
            return cast("Json", answer.body)

        return self._despite_refusals(send, guard=guard) if guard else send()

    def _despite_refusals(self, send: Callable[[], Json], *, guard: Guard = lambda: None) -> Json:
        """Send a request, and again if it is refused: by then the API server knows the Roles."""
        sent = False

        def guarded() -> Json:
            nonlocal sent
            if sent:
                guard()
            sent = True
            return send()

        return retry(
            guarded,
            on=ForbiddenError,
            pauses=backoff(attempts=_REFUSALS, first_s=_REFUSED_S, random=self._random),
            clock=self._clock,
        )

    def _read(self, target: str, *, check: Check, accept: str = "application/json") -> Json:
        return retry(
            lambda: self._despite_refusals(lambda: self._send("GET", target, accept=accept, check=check)),
            on=UnavailableError,
            pauses=backoff(attempts=self._settings.attempts, first_s=_READ_AGAIN_S, random=self._random),
            clock=self._clock,
            longest_s=self._settings.timeout_s,
            may_retry=lambda error: not isinstance(error, ListExpiredError),
        )

    def _send(
        self,
        method: str,
        target: str,
        *,
        body: Json | None = None,
        accept: str = "application/json",
        content_type: str = "application/json",
        check: Check,
    ) -> Json:
        response = self._transport.send(
            method=method,
            target=target,
            headers={"Accept": accept, "Content-Type": content_type},
            body=body,
            timeout_s=self._settings.timeout_s,
        )
        arrived = self._clock.monotonic()
        asked = f"{method} {target.partition('?')[0]}"
        if response.status >= 300:  # noqa: PLR2004 - the success range ends here
            error = error_of(asked, response)
            if isinstance(error, NotFoundError | ConflictError):
                # The API server's own answer, unlike one of a proxy.
                self.server_clock.observe(response.headers.get("date"), monotonic=arrived)
            raise error
        found = parse_document(asked, response.body)
        check(asked, found)
        self.server_clock.observe(response.headers.get("date"), monotonic=arrived)
        return found

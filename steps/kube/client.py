"""A client of the API server that uses raw paths and plain dictionaries.

Guarantees that an answer is the requested object, a whole page of a list, or an error by meaning; and that each write
names its reason for the audit. Not checked: the fields of an object (docs/decisions/0004-dependencies.md).
"""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from steps.kube.exchange import Exchange
from steps.kube.paging import PageSize, read_pages
from steps.kube.shapes import check_list, check_object
from steps.kube.write import send_write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from steps.core import Clock
    from steps.kube.exchange import Guard
    from steps.kube.resources import Resource
    from steps.kube.transport import Json, Transport
    from steps.settings import KubernetesSettings
    from steps.telemetry import Audit, WriteReason

_JSON = "application/json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


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
        self._exchange = Exchange(transport=transport, clock=clock, settings=settings, random=random)
        self._page = settings.page
        self._before_page: Callable[[], object] = lambda: None
        self.audit = audit
        self.server_clock = self._exchange.server_clock

    @property
    def _write(self) -> Callable[..., Json]:
        return partial(send_write, exchange=self._exchange, audit=self.audit)

    def with_audit(self, audit: Audit) -> Kube:
        """Return a client of the same API server that writes its lines to another audit."""
        other = copy.copy(self)
        other.audit = audit
        return other

    def with_pages_after(self, before: Callable[[], object]) -> Kube:
        """Return a client of the same API server that calls `before` before each page of a list. Its errors end it."""
        other = copy.copy(self)
        other._before_page = before  # noqa: SLF001 - its own class
        return other

    def get(self, resource: Resource, *, namespace: str, name: str) -> Json:
        """Read one object.

        Raises:
            NotFoundError: The object does not exist.
        """
        path = resource.path(namespace=namespace, name=name)
        return self._exchange.read(path, check=partial(check_object, name=name))

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
            page: The most objects in one page, where the usual number could be too large for memory; 0 for the usual.

        Raises:
            UnavailableError: The list could not be read to its end, or its pages expired twice.
        """
        query = {name: text for name, text in (("labelSelector", labels), ("fieldSelector", fields)) if text}
        path, accept = resource.path(namespace=namespace), _METADATA_ONLY if metadata_only else _JSON
        size = PageSize(most=page or self._page, whole=not metadata_only)
        read_page = partial(self._exchange.read, accept=accept, check=check_list, measure=size.learn)

        def read(token: str) -> Json:
            self._before_page()
            asked = {"limit": str(size.limit)} | query | ({"continue": token} if token else {})
            return read_page(f"{path}?{urlencode(asked)}")

        return read_pages(read)

    def create(
        self, resource: Resource, *, namespace: str, body: Json, reason: WriteReason, guard: Guard | None = None
    ) -> Json:
        """Create an object.

        Raises:
            ConflictError: An object of this name exists.
        """
        name = (body.get("metadata") or {}).get("name", "")  # a review has none
        return self._write("create", resource, namespace=namespace, name=name, body=body, reason=reason, guard=guard)

    def replace(
        self, resource: Resource, *, namespace: str, body: Json, reason: WriteReason, guard: Guard | None = None
    ) -> Json:
        """Replace an object; `metadata.resourceVersion` in the body makes it a compare-and-swap.

        Raises:
            ConflictError: The object changed since it was read.
        """
        name = body["metadata"]["name"]
        return self._write("update", resource, namespace=namespace, name=name, body=body, reason=reason, guard=guard)

    def try_replace(self, resource: Resource, *, namespace: str, body: Json) -> None:
        """Ask whether a replacement would be accepted. Nothing is written, so the audit has no line.

        Raises:
            StepError: It would be refused, or the API server did not answer.
        """
        name = body["metadata"]["name"]
        target = f"{resource.path(namespace=namespace, name=name)}?dryRun=All"
        self._exchange.send("PUT", target, body=body, check=partial(check_object, name=name))

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
        return self._write("patch", resource, namespace=namespace, name=name, body=body, reason=reason, guard=guard)

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
        self._write("delete", resource, namespace=namespace, name=name, body=options, reason=reason, guard=guard)

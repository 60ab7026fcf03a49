"""One write to the API server, with its line in the audit.

Guarantees that a patch with unknown fields is refused instead of pruned silently, and that the answer names the object
that was written. Not guaranteed: that a lost answer means that nothing was written.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from steps.kube.answers import is_refused
from steps.kube.shapes import check_object

if TYPE_CHECKING:
    from steps.kube.exchange import Exchange, Guard
    from steps.kube.resources import Resource
    from steps.kube.transport import Json
    from steps.telemetry import Audit, WriteReason

    Verb = Literal["create", "update", "patch", "delete"]

_METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}
_JSON, _MERGE_PATCH = "application/json", "application/merge-patch+json"


def send_write(
    verb: Verb,
    resource: Resource,
    *,
    namespace: str,
    name: str,
    body: Json,
    reason: WriteReason,
    guard: Guard | None,
    exchange: Exchange,
    audit: Audit,
) -> Json:
    """Send a write.

    Args:
        verb: As in a Role.
        resource: The kind of object.
        namespace: The namespace of the object.
        name: Name of the object; empty for a review.
        body: The object, the patch, or the options of a delete.
        reason: Why it is written, for the audit.
        guard: Called before a refused write is sent again; raises if it must not be. None sends the write once.
        exchange: The connection.
        audit: Gets a line for each attempt.
    """
    target = resource.path(namespace=namespace, name="" if verb == "create" else name)
    if verb == "patch":
        target += "?fieldValidation=Strict"
    # The answer to a DELETE is the object, or a Status with its name elsewhere.
    check = partial(check_object, name="" if verb == "delete" else name)

    def send() -> Json:
        with audit.write(
            api="kubernetes",
            verb=verb,
            resource=str(resource),
            namespace=namespace,
            name=name,
            reason=reason,
            sent=body,
            refused=is_refused,
        ) as answer:
            answer.body = exchange.send(
                _METHODS[verb],
                target,
                body=body,
                content_type=_MERGE_PATCH if verb == "patch" else _JSON,
                check=check,
            )
        return cast("Json", answer.body)

    return exchange.despite_refusals(send, guard=guard) if guard else send()

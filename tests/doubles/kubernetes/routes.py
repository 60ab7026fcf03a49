"""From a path to a resource: which object or collection a request is about, and which verb that makes it.

Guarantees: every path is either understood or refused as the real server refuses it (404 in plain text).
"""

import re
from dataclasses import dataclass

from tests.doubles.kubernetes.messages import Request
from tests.doubles.kubernetes.resources import Resource

PATH = re.compile(
    r"^/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]+))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>[^/]+))?)?/?$"
)
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who wants to do what to which object; what an authoriser decides on."""

    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a path names."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def access(self, request: Request, *, user: str) -> Access:
        """Return the access that a request to this target asks for."""
        verb = VERBS[request.method]
        if not self.name:
            verb = {"get": "watch" if request.flag("watch") else "list", "delete": "deletecollection"}.get(verb, verb)
        return Access(
            user=user,
            verb=verb,
            group=self.group,
            resource=self.plural,
            subresource=self.subresource,
            namespace=self.namespace,
            name=self.name,
        )


def parse(path: str) -> Target | None:
    """Read a path, or nothing if it names no resource."""
    found = PATH.match(path)
    if found is None:
        return None
    parts = {key: value or "" for key, value in found.groupdict().items()}
    if parts["namespace"] and parts["plural"] in NAMESPACE_SUBRESOURCES and not parts["name"]:
        parts |= {"name": parts["namespace"], "subresource": parts["plural"], "plural": "namespaces", "namespace": ""}
    return Target(
        group=parts["group"],
        version=parts["core"] or parts["version"],
        plural=parts["plural"],
        namespace=parts["namespace"],
        name=parts["name"],
        subresource=parts["subresource"],
    )


def matches(resource: Resource, target: Target) -> bool:
    """Tell whether a resource serves a target, and whether the target is scoped as the resource is."""
    same = (resource.group, resource.version, resource.plural) == (target.group, target.version, target.plural)
    scoped = resource.namespaced or not target.namespace
    reachable = not resource.namespaced or bool(target.namespace) or not target.name
    return same and scoped and reachable

"""The paths by which clients find out what a server serves.

Guarantees: enough for `kubectl`'s resource names and for dynamic clients.
Not guaranteed: OpenAPI documents and aggregated discovery.
"""

from collections.abc import Iterable

from tests.doubles.kubernetes.messages import JsonObject
from tests.doubles.kubernetes.resources import Resource

HEALTH = frozenset({"/healthz", "/livez", "/readyz"})
VERSION: JsonObject = {"major": "1", "minor": "34", "gitVersion": "v1.34.4", "platform": "linux/amd64"}
ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def document(path: str, resources: Iterable[Resource]) -> JsonObject | None:
    """Return a discovery document, or nothing if the path is none of discovery."""
    served = list(resources)
    found: JsonObject | None = None
    match path.strip("/").split("/"):
        case ["version"]:
            found = VERSION
        case ["api"]:
            found = {"kind": "APIVersions", "versions": ["v1"]}
        case ["apis"]:
            groups = sorted({resource.group for resource in served if resource.group})
            listed = [group(each, served) for each in groups]
            found = {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        case ["api", "v1"]:
            found = resource_list("v1", [each for each in served if not each.group])
        case ["apis", name] if any(each.group == name for each in served):
            found = {"kind": "APIGroup", "apiVersion": "v1", **group(name, served)}
        case ["apis", name, version]:
            rows = [each for each in served if (each.group, each.version) == (name, version)]
            found = resource_list(f"{name}/{version}", rows) if rows else None
    return found


def group(name: str, served: list[Resource]) -> JsonObject:
    """Describe one API group."""
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for version in sorted({each.version for each in served if each.group == name})
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resource_list(version: str, served: list[Resource]) -> JsonObject:
    """Describe the resources of one group and version."""
    rows = []
    for each in served:
        row = {"name": each.plural, "singularName": each.kind.lower(), "namespaced": each.namespaced, "kind": each.kind}
        rows.append({**row, "verbs": ALL_VERBS, "shortNames": list(each.short_names)})
        if each.has_status:
            rows.append({**row, "name": f"{each.plural}/status", "verbs": ["get", "patch", "update"]})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows}

"""The check `access`: the API server grants each service account the permissions of its Roles.

Finds a missing binding, and also an authorizer that refuses in spite of the Roles. It creates access reviews, which the
API server does not store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.doctor.check import CheckResult, CheckStatus, ClusterResource
from pipelines.manifests import all_manifests
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.doctor.check import Installation

_REASON = WriteReason(cause=WriteCause.REVIEW)
_REVIEWS = ClusterResource(group="authorization.k8s.io", version="v1", plural="subjectaccessreviews")


def access(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Review every permission of every binding."""
    objects = list(all_manifests(installation.settings))
    roles = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each for each in objects if each["kind"] == "Role"
    }
    for binding in (each for each in objects if each["kind"] == "RoleBinding"):
        namespace, account = binding["metadata"]["namespace"], binding["subjects"][0]
        user = f"system:serviceaccount:{account['namespace']}:{account['name']}"
        wanted = list(_permissions(roles[namespace, binding["roleRef"]["name"]], namespace=namespace))
        refused = [each for each in wanted if not _allowed(installation, user=user, permission=each)]
        for each in refused:
            yield CheckResult(
                check=check,
                status=CheckStatus.WRONG,
                found=f"{account['name']} may not {each['verb']} {each['resource']} in {namespace}",
                fix="apply its Role and RoleBinding",
            )
        if not refused:
            count = "its permission" if len(wanted) == 1 else f"all {len(wanted)} permissions"
            found = f"{account['name']} has {count} in {namespace}"
            yield CheckResult(check=check, status=CheckStatus.OK, found=found)


def _permissions(role: dict[str, Any], *, namespace: str) -> Iterator[dict[str, str]]:
    """List the resource attributes that a Role grants."""
    for rule in role["rules"]:
        for resource in rule["resources"]:
            for name in rule.get("resourceNames", [""]):
                for verb in rule["verbs"]:
                    attributes = {"verb": verb, "group": rule["apiGroups"][0], "resource": resource, "name": name}
                    yield attributes | {"namespace": namespace}


def _allowed(installation: Installation, *, user: str, permission: dict[str, str]) -> bool:
    home = user.split(":")[2]
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{home}", "system:authenticated"]
    spec = {"user": user, "groups": groups, "resourceAttributes": permission}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    return bool(installation.kube.create(_REVIEWS, namespace="", body=body, reason=_REASON)["status"]["allowed"])

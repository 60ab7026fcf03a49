"""The checks of the pods: the Secrets of their image's registry, the nodes that they may run on, and their user.

Guarantees that nothing is asked if the settings name no Secret or no node. Not guaranteed: that a node has room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.doctor.check import CheckResult, CheckStatus, ClusterResource
from steps.kube import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.doctor.check import Installation
    from pipelines.settings import PodSettings

_SECRETS = Resource(group="", version="v1", plural="secrets")
_NODES = ClusterResource(group="", version="v1", plural="nodes")
_NAMESPACES = ClusterResource(group="", version="v1", plural="namespaces")
_USERS = "openshift.io/sa.scc.uid-range"
_TYPES = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")


def pull_secrets(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the Secrets for the image exist, and have credentials of a registry."""
    namespace = installation.settings.namespaces.workflows
    for name in installation.settings.pods.image_pull_secrets:
        found = installation.find(_SECRETS, namespace=namespace, name=name)
        if found is None:
            problem = f"{namespace} has no Secret {name}: nodes cannot pull the image"
        elif found.get("type") not in _TYPES:
            problem = f"Secret {name} in {namespace} has type {found.get('type')}: nodes ignore it"
        else:
            yield CheckResult(check=check, status=CheckStatus.OK, found=f"Secret {name}")
            continue
        fix = f"kubectl -n {namespace} create secret docker-registry {name}, or correct pods.image_pull_secrets"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)


def nodes(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the pods may run on a node."""
    pods = installation.settings.pods
    if not pods.placed:
        return
    listed = list(installation.kube.list(_NODES, namespace=""))
    fitting = [each["metadata"]["name"] for each in listed if may_run(each, pods=pods)]
    if fitting:
        yield CheckResult(
            check=check, status=CheckStatus.OK, found=f"the pods may run on {len(fitting)} of {len(listed)} nodes"
        )
        return
    yield CheckResult(
        check=check,
        # An autoscaler may start nodes from nothing.
        status=CheckStatus.WARNING,
        found=f"the pods may run on none of {len(listed)} nodes: they wait, unless a node is started for them",
        fix="correct pods.node_selector and pods.tolerations, then render and apply",
    )


def users(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the pods' user is fixed or left to the platform as the cluster needs it; silent if it is.

    OpenShift writes the range of a namespace's users into an annotation.
    """
    fixed = installation.settings.pods.fixed_user
    spaces = installation.settings.namespaces
    for name in dict.fromkeys((spaces.workflows, spaces.events)):
        found = installation.find(_NAMESPACES, name=name)
        if found is None or (_USERS in (found["metadata"].get("annotations") or {})) is not fixed:
            continue  # a missing namespace is another check's finding
        if fixed:
            problem = f"OpenShift gives each pod in {name} a user of its own, and refuses one that names another"
            fix = "set pods.fixed_user = false, then render and apply; or let the accounts use the SCC nonroot-v2"
        else:
            problem = f"nobody gives the pods in {name} a user, and the image of Argo Events would run as root"
            fix = "set pods.fixed_user = true, then render and apply"
        yield CheckResult(check=check, status=CheckStatus.WARNING, found=problem, fix=fix)


def may_run(node: dict[str, Any], *, pods: PodSettings) -> bool:
    """Whether a node has the labels, and no taint that the pods do not tolerate."""
    labels = node["metadata"].get("labels") or {}
    taints = [taint for taint in (node.get("spec") or {}).get("taints") or () if taint["effect"] != "PreferNoSchedule"]
    tolerated = all(any(each.tolerates(taint) for each in pods.tolerations) for taint in taints)
    return pods.node_selector.items() <= labels.items() and tolerated

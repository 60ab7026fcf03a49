"""The checks of the cluster: namespaces, and the kinds that the API server serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.doctor.check import CheckResult, CheckStatus, ClusterResource
from steps.core import BadInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.doctor.check import Installation

_NAMESPACES = ClusterResource(group="", version="v1", plural="namespaces")
_ARGO_GROUP = ("argoproj.io", "v1alpha1")
_ARGO_KINDS = (
    *("workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults"),
    *("eventbus", "eventsources", "sensors"),
)
_ENFORCE = "pod-security.kubernetes.io/enforce"


def namespaces(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the namespaces exist, and that the steps' namespace enforces the restricted standard."""
    spaces = installation.settings.namespaces
    for name in dict.fromkeys((spaces.workflows, spaces.agents, spaces.events)):
        found = installation.find(_NAMESPACES, name=name)
        if found is None:
            fix = f"kubectl create namespace {name}, or correct [namespaces] in the settings"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=f"namespace {name} does not exist", fix=fix)
            continue
        level = (found["metadata"].get("labels") or {}).get(_ENFORCE, "")
        if name == spaces.workflows and level != "restricted":
            yield CheckResult(
                check=check,
                status=CheckStatus.WARNING,
                found=f"{name} does not enforce the restricted Pod Security Standard",
                fix=f"kubectl label --overwrite namespace {name} {_ENFORCE}=restricted",
            )
        else:
            yield CheckResult(check=check, status=CheckStatus.OK, found=name)


def kinds(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the API server serves the kinds of the agents, what these own, and the kinds of Argo."""
    wanted = {
        f"[[agents]] {kind.plural}": (kind.group, kind.version, kind.plural) for kind in installation.settings.agents
    }
    wanted |= {
        f"[[agents]] {kind.plural}.owns {owned.plural}": (owned.group, owned.version, owned.plural)
        for kind in installation.settings.agents
        for owned in kind.owned_resources
    }
    wanted |= {plural: (*_ARGO_GROUP, plural) for plural in _ARGO_KINDS}
    served = {key: _served(installation, *key) for key in {(group, version) for group, version, _ in wanted.values()}}
    for label, (group, version, plural) in wanted.items():
        name = f"{plural}.{group}/{version}" if group else f"{plural}/{version}"
        if plural in served[group, version]:
            yield CheckResult(check=check, status=CheckStatus.OK, found=name)
        else:
            from_settings = label.startswith("[[")
            fix = f"install its CRD, or correct {label} in the settings" if from_settings else "install Argo's CRDs"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=f"{name} is not served", fix=fix)


def _served(installation: Installation, group: str, version: str) -> set[str]:
    try:
        found = installation.kube.get(ClusterResource(group=group, version=version, plural=""), namespace="", name="")
    except (BadInputError, NotFoundError):
        return set()
    return {each["name"] for each in found["resources"]}

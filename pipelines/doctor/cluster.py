"""The checks of the cluster: namespaces, the kinds that the API server serves, and the ports that it listens on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.doctor.check import CheckResult, CheckStatus, ClusterResource
from steps.core import BadInputError, ForbiddenError, NotFoundError
from steps.kube import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipelines.doctor.check import Installation
    from steps.kube import Json

_NAMESPACES = ClusterResource(group="", version="v1", plural="namespaces")
_ARGO_GROUP = ("argoproj.io", "v1alpha1")
_ARGO_KINDS = (
    *("workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults"),
    *("eventbus", "eventsources", "sensors"),
)
_SERVICES = Resource(group="", version="v1", plural="services")
_SLICES = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices")
_DEFAULT, _API_SERVER = "default", "kubernetes"
# Field and label selectors: the name is OpenShift's, the label that of every other distribution.
_DNS = (("openshift-dns", "metadata.name=dns-default", ""), ("kube-system", "", "k8s-app=kube-dns"))
_ENFORCE = "pod-security.kubernetes.io/enforce"


def namespaces(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the namespaces exist, and that the steps' namespace enforces the restricted standard."""
    spaces = installation.settings.namespaces
    for name in dict.fromkeys((spaces.workflows, *spaces.agents, spaces.documents, spaces.events)):
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
    agents = installation.settings.agents
    # Two of them may have the same plural name, in other groups or versions.
    wanted = {(kind.group, kind.version, kind.plural): f"[[agents]] {kind.plural}" for kind in agents}
    for kind in agents:
        for owned in kind.owned_resources:
            label = f"[[agents]] {kind.plural}.owns {owned.plural}"
            wanted.setdefault((owned.group, owned.version, owned.plural), label)
    for plural in _ARGO_KINDS:
        wanted.setdefault((*_ARGO_GROUP, plural), plural)
    served = {key: _served(installation, *key) for key in {(group, version) for group, version, _ in wanted}}
    for (group, version, plural), label in wanted.items():
        name = f"{plural}.{group}/{version}" if group else f"{plural}/{version}"
        if plural in served[group, version]:
            yield CheckResult(check=check, status=CheckStatus.OK, found=name)
        else:
            from_settings = label.startswith("[[")
            fix = f"install its CRD, or correct {label} in the settings" if from_settings else "install Argo's CRDs"
            others = [each for each in _versions(installation, group) if plural in _served(installation, group, each)]
            problem = f"{name} is not served" + (f", only {', '.join(others)}" if others else "")
            if from_settings and others:
                fix = f"give a served version for {label} in the settings, or install a release with {version}"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)


def api_server_ports(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the NetworkPolicy lets the pods out to the ports of the API server.

    A network plugin may judge a connection before or after the port of the Service is replaced by that of an endpoint.
    """
    service = installation.find(_SERVICES, namespace=_DEFAULT, name=_API_SERVER)
    found = {each["port"] for each in (service or {"spec": {}})["spec"].get("ports") or ()}
    found |= _endpoint_ports(installation, namespace=_DEFAULT, service=_API_SERVER)
    allowed = installation.settings.workflow.api_server_ports
    yield _ports(check, found=found, allowed=allowed, what="the API server", key="workflow.api_server_ports")


def dns_ports(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the NetworkPolicy lets the pods out to the ports of the cluster's DNS; silent if it has another name.

    Without them, no name is resolved, and GitHub is never reached.
    """
    found: set[int] = set()
    try:
        for namespace, fields, labels in _DNS:
            for service in installation.kube.list(_SERVICES, namespace=namespace, fields=fields, labels=labels):
                name, listed = service["metadata"]["name"], service["spec"].get("ports") or ()
                found |= {each["port"] for each in listed if _is_dns(each)}
                found |= _endpoint_ports(installation, namespace=namespace, service=name, dns=True)
    except ForbiddenError:
        # Who installs in a few namespaces needs no right in that of DNS.
        problem = "its ports were not compared with workflow.dns_ports: no permission to read its Service"
        yield CheckResult(check=check, status=CheckStatus.INFO, found=problem)
        return
    if found:
        allowed = installation.settings.workflow.dns_ports
        yield _ports(check, found=found, allowed=allowed, what="the cluster's DNS", key="workflow.dns_ports")


def _endpoint_ports(installation: Installation, *, namespace: str, service: str, dns: bool = False) -> set[int]:
    slices = installation.kube.list(_SLICES, namespace=namespace, labels=f"kubernetes.io/service-name={service}")
    listed = (each for one in slices for each in one.get("ports") or () if each.get("port"))
    return {each["port"] for each in listed if not dns or _is_dns(each)}


def _is_dns(port: Json) -> bool:
    """Whether a port is one of names, and not of metrics."""
    return str(port.get("name") or "dns").startswith("dns")


def _ports(check: str, *, found: set[int], allowed: Iterable[int], what: str, key: str) -> CheckResult:
    if missing := ", ".join(map(str, sorted(found - set(allowed)))):
        problem = f"{what} listens on {missing}, and the NetworkPolicy does not let the pods out to it"
        fix = f"add {missing} to {key}, then render and apply"
        return CheckResult(check=check, status=CheckStatus.WRONG, found=problem, fix=fix)
    return CheckResult(check=check, status=CheckStatus.OK, found=f"ports {', '.join(map(str, sorted(found)))}")


def _served(installation: Installation, group: str, version: str) -> set[str]:
    try:
        found = installation.kube.get(ClusterResource(group=group, version=version, plural=""), namespace="", name="")
    except (BadInputError, NotFoundError):
        return set()
    return {each["name"] for each in found["resources"]}


def _versions(installation: Installation, group: str) -> list[str]:
    """Return the versions of a group that the API server serves, the preferred one first."""
    try:
        found = installation.kube.get(ClusterResource(group=group, version="", plural=""), namespace="", name="")
    except (BadInputError, NotFoundError):
        return []
    return [each["version"] for each in found.get("versions") or ()]

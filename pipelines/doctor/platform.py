"""What others have to bring: namespaces, CRDs, Argo's controller and its mode, Argo Events' bus.

Each check is a function from a patient to findings; none writes anything.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.doctor.check import CheckResult, CheckStatus, ClusterResource
from steps.core import BadInputError, ForbiddenError, NotFoundError
from steps.kube import CONFIG_MAPS, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.doctor.check import Installation
    from steps.kube import Json

NAMESPACES = ClusterResource(group="", version="v1", plural="namespaces")
DEPLOYMENTS = ClusterResource(group="apps", version="v1", plural="deployments")
ARGO = ("argoproj.io", "v1alpha1")
EVENT_BUSES = Resource(group=ARGO[0], version=ARGO[1], plural="eventbus")
_ARGO_KINDS = (
    *("workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults"),
    *("eventbus", "eventsources", "sensors"),
)
_ENFORCE = "pod-security.kubernetes.io/enforce"
_CONTROLLER = "workflow-controller"
# As Argo's own manifests name it, and as its Helm chart labels it.
_CONTROLLERS = ((f"metadata.name={_CONTROLLER}", ""), ("", f"app.kubernetes.io/component={_CONTROLLER}"))
_VERSION = re.compile(r":v?(\d+)\.(\d+)(?:\.\d+)?")
_OLDEST = (4, 1)


def namespaces(installation: Installation, check: str) -> Iterator[CheckResult]:
    """They exist, and pods in ours are held to the restricted standard."""
    spaces = installation.settings.namespaces
    for name in dict.fromkeys((spaces.workflows, spaces.agents, spaces.events)):
        found = installation.find(NAMESPACES, name=name)
        if found is None:
            fix = f"kubectl create namespace {name}, or correct [namespaces] in the settings"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=f"there is no namespace {name}", fix=fix)
            continue
        level = (found["metadata"].get("labels") or {}).get(_ENFORCE, "")
        if name == spaces.workflows and level != "restricted":
            yield CheckResult(
                check=check,
                status=CheckStatus.WARNING,
                found=f"pods in {name} are not held to the restricted standard",
                fix=f"kubectl label --overwrite namespace {name} {_ENFORCE}=restricted",
            )
        else:
            yield CheckResult(check=check, status=CheckStatus.OK, found=name)


def kinds(installation: Installation, check: str) -> Iterator[CheckResult]:
    """The API server serves the agents' kinds and Argo's."""
    wanted = {
        f"[[agents]] {kind.plural}": (kind.group, kind.version, kind.plural) for kind in installation.settings.agents
    }
    wanted |= {plural: (*ARGO, plural) for plural in _ARGO_KINDS}
    served = {key: _served(installation, *key) for key in {(group, version) for group, version, _ in wanted.values()}}
    for label, (group, version, plural) in wanted.items():
        name = f"{plural}.{group}/{version}" if group else f"{plural}/{version}"
        if plural in served[group, version]:
            yield CheckResult(check=check, status=CheckStatus.OK, found=name)
        else:
            ours = label.startswith("[[")
            fix = f"install its CRD, or correct {label} in the settings" if ours else "install Argo's CRDs"
            yield CheckResult(check=check, status=CheckStatus.WRONG, found=f"{name} is not served", fix=fix)


def _served(installation: Installation, group: str, version: str) -> set[str]:
    try:
        found = installation.kube.get(ClusterResource(group=group, version=version, plural=""), namespace="", name="")
    except (BadInputError, NotFoundError):
        return set()
    return {each["name"] for each in found["resources"]}


def controllers(installation: Installation) -> list[Json]:
    """Deployments of Argo's controller."""
    kind: Resource = DEPLOYMENTS
    if installation.argo_namespace:
        kind = Resource(group=kind.group, version=kind.version, plural=kind.plural)
    found: dict[str, Json] = {}
    for fields, labels in _CONTROLLERS:
        listed = installation.kube.list(kind, namespace=installation.argo_namespace, fields=fields, labels=labels)
        found |= {each["metadata"]["uid"]: each for each in listed}
    return list(found.values())


def argo(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Argo's controller runs, in a version that this was made for; who may not look at it asks Argo Server."""
    try:
        found = controllers(installation)
    except ForbiddenError:
        if not installation.env.get("ARGO_SERVER"):
            raise
        # Imported on use: most can do without.
        from pipelines.client import argo_server_from_env  # noqa: PLC0415

        server = argo_server_from_env(installation.env, namespace=installation.settings.namespaces.workflows)
        yield _version(check, where="Argo Server", image=f"argo:{server.version()}")
        return
    if not found:
        yield CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found="Argo's workflow-controller is nowhere to be seen",
            fix="install Argo Workflows 4.1, or say where it is by --argo-namespace",
        )
    for each in found:
        where = f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        if not (each.get("status") or {}).get("availableReplicas"):
            yield CheckResult(
                check=check,
                status=CheckStatus.WRONG,
                found=f"{where} has no pod that is available: no Workflow begins",
                fix=f"kubectl -n {each['metadata']['namespace']} describe deployment {each['metadata']['name']}",
            )
        yield _version(check, where=where, image=each["spec"]["template"]["spec"]["containers"][0]["image"])


def _version(check: str, *, where: str, image: str) -> CheckResult:
    match = _VERSION.search(image.rpartition("/")[2])
    if match is None:
        return CheckResult(
            check=check,
            status=CheckStatus.WARNING,
            found=f"{where}: {image} does not tell a version",
            fix="make sure that it is Argo Workflows 4.1 or later",
        )
    version = (int(match[1]), int(match[2]))
    text = f"{where}: Argo Workflows {match.group()[1:]}"
    if version < _OLDEST:
        return CheckResult(check=check, status=CheckStatus.WRONG, found=text, fix="upgrade it to 4.1 or later")
    if version[0] > _OLDEST[0]:
        fix = "try it where nothing depends on it: this was made for Argo Workflows 4"
        return CheckResult(check=check, status=CheckStatus.WARNING, found=text, fix=fix)
    return CheckResult(check=check, status=CheckStatus.OK, found=text)


def restrictions(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Whoever may create Workflows may not change what they do."""
    for each in controllers(installation):
        namespace = each["metadata"]["namespace"]
        config = installation.find(CONFIG_MAPS, namespace=namespace, name=_config_map(each))
        mode = _referencing((config or {}).get("data") or {})
        fix = "set workflowRestrictions.templateReferencing: Strict in the controller's ConfigMap"
        match mode:
            case "Strict":
                yield CheckResult(check=check, status=CheckStatus.OK, found=f"{namespace}: Strict")
            case "Secure":
                found = f"{namespace}: Secure: a Workflow that runs during an upgrade has to be terminated by hand"
                yield CheckResult(check=check, status=CheckStatus.WARNING, found=found, fix=fix)
            case _:
                found = f"{namespace}: who may create Workflows may also bring accounts, locks and templates"
                yield CheckResult(check=check, status=CheckStatus.WARNING, found=found, fix=fix)


def _config_map(deployment: Json) -> str:
    given: list[str] = deployment["spec"]["template"]["spec"]["containers"][0].get("args") or []
    named = [value for flag, value in pairwise(given) if flag == "--configmap"]
    return named[-1] if named else "workflow-controller-configmap"


def _referencing(data: dict[str, str]) -> str:
    """The mode, whether the ConfigMap has a key for each field or one document."""
    try:
        document: Any = yaml.safe_load(data.get("config") or "") or {}
        restrictions: Any = yaml.safe_load(data.get("workflowRestrictions") or "") or document.get(
            "workflowRestrictions"
        )
        return str((restrictions or {}).get("templateReferencing", ""))
    except (yaml.YAMLError, AttributeError):
        return ""


def event_bus(installation: Installation, check: str) -> Iterator[CheckResult]:
    """The bus of the events' namespace is a JetStream, and works."""
    namespace = installation.settings.namespaces.events
    found = installation.find(EVENT_BUSES, namespace=namespace, name="default")
    if found is None:
        fix = f"create an EventBus named default, with JetStream, in {namespace}"
        yield CheckResult(check=check, status=CheckStatus.WRONG, found=f"there is no EventBus in {namespace}", fix=fix)
        return
    yield conditions(check, found)
    if not {"jetstream", "jetstreamExotic"} & set(found.get("spec") or {}):
        yield CheckResult(
            check=check,
            status=CheckStatus.WARNING,
            found=f"EventBus default in {namespace} is not a JetStream: a push may be lost when the Sensor restarts",
            fix="use JetStream",
        )


def conditions(check: str, body: Json) -> CheckResult:
    """Whether Argo Events says of one of its objects that all is well."""
    name = f"{body['kind']} {body['metadata']['name']}"
    told = (body.get("status") or {}).get("conditions") or []
    bad = [
        f"{each['type']}: {each.get('message') or each.get('reason') or each['status']}"
        for each in told
        if each["status"] != "True"
    ]
    if not told:
        return CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found=f"Argo Events has not looked at {name}",
            fix="see that its controller runs and manages this namespace",
        )
    if bad:
        fix = f"kubectl -n {body['metadata']['namespace']} describe {body['kind'].lower()} {body['metadata']['name']}"
        return CheckResult(
            check=check, status=CheckStatus.WRONG, found=f"{name} is not ready: {'; '.join(bad)}", fix=fix
        )
    return CheckResult(check=check, status=CheckStatus.OK, found=f"{name} is ready")

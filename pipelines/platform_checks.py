"""What others have to bring: namespaces, CRDs, Argo's controller and its mode, Argo Events' bus.

Each check is a function from a patient to findings; none writes anything.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.diagnosis import Diagnosis, Verdict, Whole
from steps.errors import BadInputError, ForbiddenError, NotFoundError
from steps.kube import CONFIG_MAPS, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.diagnosis import Patient
    from steps.kube import Json

NAMESPACES = Whole(group="", version="v1", plural="namespaces")
DEPLOYMENTS = Whole(group="apps", version="v1", plural="deployments")
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


def namespaces(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """They exist, and pods in ours are held to the restricted standard."""
    spaces = patient.settings.namespaces
    for name in dict.fromkeys((spaces.workflows, spaces.agents, spaces.events)):
        found = patient.find(NAMESPACES, name=name)
        if found is None:
            remedy = f"kubectl create namespace {name}, or correct [namespaces] in the settings"
            yield Diagnosis(check=check, verdict=Verdict.WRONG, found=f"there is no namespace {name}", remedy=remedy)
            continue
        level = (found["metadata"].get("labels") or {}).get(_ENFORCE, "")
        if name == spaces.workflows and level != "restricted":
            yield Diagnosis(
                check=check,
                verdict=Verdict.WARNING,
                found=f"pods in {name} are not held to the restricted standard",
                remedy=f"kubectl label --overwrite namespace {name} {_ENFORCE}=restricted",
            )
        else:
            yield Diagnosis(check=check, verdict=Verdict.OK, found=name)


def kinds(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """The API server serves the agents' kinds and Argo's."""
    wanted = {f"[[agents]] {kind.plural}": (kind.group, kind.version, kind.plural) for kind in patient.settings.agents}
    wanted |= {plural: (*ARGO, plural) for plural in _ARGO_KINDS}
    served = {key: _served(patient, *key) for key in {(group, version) for group, version, _ in wanted.values()}}
    for label, (group, version, plural) in wanted.items():
        name = f"{plural}.{group}/{version}" if group else f"{plural}/{version}"
        if plural in served[group, version]:
            yield Diagnosis(check=check, verdict=Verdict.OK, found=name)
        else:
            ours = label.startswith("[[")
            remedy = f"install its CRD, or correct {label} in the settings" if ours else "install Argo's CRDs"
            yield Diagnosis(check=check, verdict=Verdict.WRONG, found=f"{name} is not served", remedy=remedy)


def _served(patient: Patient, group: str, version: str) -> set[str]:
    try:
        found = patient.kube.get(Whole(group=group, version=version, plural=""), namespace="", name="")
    except (BadInputError, NotFoundError):
        return set()
    return {each["name"] for each in found["resources"]}


def controllers(patient: Patient) -> list[Json]:
    """Deployments of Argo's controller."""
    kind: Resource = DEPLOYMENTS
    if patient.argo_namespace:
        kind = Resource(group=kind.group, version=kind.version, plural=kind.plural)
    found: dict[str, Json] = {}
    for fields, labels in _CONTROLLERS:
        listed = patient.kube.list(kind, namespace=patient.argo_namespace, fields=fields, labels=labels)
        found |= {each["metadata"]["uid"]: each for each in listed}
    return list(found.values())


def argo(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """Argo's controller runs, in a version that this was made for; who may not look at it asks Argo Server."""
    try:
        found = controllers(patient)
    except ForbiddenError:
        if not patient.env.get("ARGO_SERVER"):
            raise
        # Imported on use: most can do without.
        from pipelines.argo_server import from_env  # noqa: PLC0415

        server = from_env(patient.env, namespace=patient.settings.namespaces.workflows)
        yield _version(check, where="Argo Server", image=f"argo:{server.version()}")
        return
    if not found:
        yield Diagnosis(
            check=check,
            verdict=Verdict.WRONG,
            found="Argo's workflow-controller is nowhere to be seen",
            remedy="install Argo Workflows 4.1, or say where it is by --argo-namespace",
        )
    for each in found:
        where = f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        if not (each.get("status") or {}).get("availableReplicas"):
            yield Diagnosis(
                check=check,
                verdict=Verdict.WRONG,
                found=f"{where} has no pod that is available: no Workflow begins",
                remedy=f"kubectl -n {each['metadata']['namespace']} describe deployment {each['metadata']['name']}",
            )
        yield _version(check, where=where, image=each["spec"]["template"]["spec"]["containers"][0]["image"])


def _version(check: str, *, where: str, image: str) -> Diagnosis:
    match = _VERSION.search(image.rpartition("/")[2])
    if match is None:
        return Diagnosis(
            check=check,
            verdict=Verdict.WARNING,
            found=f"{where}: {image} does not tell a version",
            remedy="make sure that it is Argo Workflows 4.1 or later",
        )
    version = (int(match[1]), int(match[2]))
    text = f"{where}: Argo Workflows {match.group()[1:]}"
    if version < _OLDEST:
        return Diagnosis(check=check, verdict=Verdict.WRONG, found=text, remedy="upgrade it to 4.1 or later")
    if version[0] > _OLDEST[0]:
        remedy = "try it where nothing depends on it: this was made for Argo Workflows 4"
        return Diagnosis(check=check, verdict=Verdict.WARNING, found=text, remedy=remedy)
    return Diagnosis(check=check, verdict=Verdict.OK, found=text)


def restrictions(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """Whoever may create Workflows may not change what they do."""
    for each in controllers(patient):
        namespace = each["metadata"]["namespace"]
        config = patient.find(CONFIG_MAPS, namespace=namespace, name=_config_map(each))
        mode = _referencing((config or {}).get("data") or {})
        remedy = "set workflowRestrictions.templateReferencing: Strict in the controller's ConfigMap"
        match mode:
            case "Strict":
                yield Diagnosis(check=check, verdict=Verdict.OK, found=f"{namespace}: Strict")
            case "Secure":
                found = f"{namespace}: Secure: a Workflow that runs during an upgrade has to be terminated by hand"
                yield Diagnosis(check=check, verdict=Verdict.WARNING, found=found, remedy=remedy)
            case _:
                found = f"{namespace}: who may create Workflows may also bring accounts, locks and templates"
                yield Diagnosis(check=check, verdict=Verdict.WARNING, found=found, remedy=remedy)


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


def event_bus(patient: Patient, check: str) -> Iterator[Diagnosis]:
    """The bus of the events' namespace is a JetStream, and works."""
    namespace = patient.settings.namespaces.events
    found = patient.find(EVENT_BUSES, namespace=namespace, name="default")
    if found is None:
        remedy = f"create an EventBus named default, with JetStream, in {namespace}"
        yield Diagnosis(check=check, verdict=Verdict.WRONG, found=f"there is no EventBus in {namespace}", remedy=remedy)
        return
    yield conditions(check, found)
    if not {"jetstream", "jetstreamExotic"} & set(found.get("spec") or {}):
        yield Diagnosis(
            check=check,
            verdict=Verdict.WARNING,
            found=f"EventBus default in {namespace} is not a JetStream: a push may be lost when the Sensor restarts",
            remedy="use JetStream",
        )


def conditions(check: str, body: Json) -> Diagnosis:
    """Whether Argo Events says of one of its objects that all is well."""
    name = f"{body['kind']} {body['metadata']['name']}"
    told = (body.get("status") or {}).get("conditions") or []
    bad = [
        f"{each['type']}: {each.get('message') or each.get('reason') or each['status']}"
        for each in told
        if each["status"] != "True"
    ]
    if not told:
        return Diagnosis(
            check=check,
            verdict=Verdict.WRONG,
            found=f"Argo Events has not looked at {name}",
            remedy="see that its controller runs and manages this namespace",
        )
    if bad:
        remedy = (
            f"kubectl -n {body['metadata']['namespace']} describe {body['kind'].lower()} {body['metadata']['name']}"
        )
        return Diagnosis(
            check=check, verdict=Verdict.WRONG, found=f"{name} is not ready: {'; '.join(bad)}", remedy=remedy
        )
    return Diagnosis(check=check, verdict=Verdict.OK, found=f"{name} is ready")

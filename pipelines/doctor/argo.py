"""The checks of Argo Workflows: the controller's namespace, version, pods and restrictions, and the layout of pods."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipelines.client import (
    argo_server_from_env,
    config_map_name,
    managed_namespace,
    read_setting,
    read_table,
)
from pipelines.doctor.check import CheckResult, CheckStatus, ClusterResource
from steps.core import ForbiddenError
from steps.kube import CONFIG_MAPS, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.doctor.check import Installation
    from steps.kube import Json

_DEPLOYMENTS = ClusterResource(group="apps", version="v1", plural="deployments")
_CONTROLLER = "workflow-controller"
# Field and label selectors: Argo's manifests name the Deployment, its Helm chart labels it.
_CONTROLLERS = ((f"metadata.name={_CONTROLLER}", ""), ("", f"app.kubernetes.io/component={_CONTROLLER}"))
_VERSION = re.compile(r":v?([0-9]{1,9})\.([0-9]{1,9})(?:\.[0-9]+)?")
# docs/compatibility.md says how each was tested.
_TESTED = ((3, 7), (4, 1))
_OLDEST = _TESTED[0]


def _controllers(installation: Installation) -> list[Json]:
    """List the Deployments of Argo's controller."""
    kind: Resource = _DEPLOYMENTS
    if installation.argo_namespace:
        kind = Resource(group=kind.group, version=kind.version, plural=kind.plural)
    found: dict[str, Json] = {}
    for fields, labels in _CONTROLLERS:
        listed = installation.kube.list(kind, namespace=installation.argo_namespace, fields=fields, labels=labels)
        found |= {each["metadata"]["uid"]: each for each in listed}
    return list(found.values())


def _managing(installation: Installation, controllers: list[Json]) -> list[Json]:
    """Leave out the controllers of other namespaces: they see none of our Workflows."""
    return [each for each in controllers if managed_namespace(each) in ("", installation.settings.namespaces.workflows)]


def argo(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check the controller's pods and version; without permission to read it, ask Argo Server for the version."""
    try:
        found = _controllers(installation)
    except ForbiddenError:
        if not installation.env.get("ARGO_SERVER"):
            raise
        server = argo_server_from_env(installation.env, namespace=installation.settings.namespaces.workflows)
        yield _version(check, where="Argo Server", image=f"argo:{server.version()}")
        return
    if not found:
        yield CheckResult(
            check=check,
            status=CheckStatus.WRONG,
            found="Argo's workflow-controller was not found",
            fix="install Argo Workflows 4.1 or 3.7, or give its namespace by --argo-namespace",
        )
    ours = _managing(installation, found)
    if found and not ours:
        yield _elsewhere(check, found, wanted=installation.settings.namespaces.workflows)
    for each in ours:
        where = _name(each)
        if not (each.get("status") or {}).get("availableReplicas"):
            yield CheckResult(
                check=check,
                status=CheckStatus.WRONG,
                found=f"{where} has no available pod: no Workflow begins",
                fix=f"kubectl -n {each['metadata']['namespace']} describe deployment {each['metadata']['name']}",
            )
        yield _version(check, where=where, image=each["spec"]["template"]["spec"]["containers"][0]["image"])


def _name(controller: Json) -> str:
    return f"{controller['metadata']['namespace']}/{controller['metadata']['name']}"


def _elsewhere(check: str, controllers: list[Json], *, wanted: str) -> CheckResult:
    managed = ", ".join(f"{_name(each)} manages {managed_namespace(each)} only" for each in controllers)
    return CheckResult(
        check=check,
        status=CheckStatus.WRONG,
        found=f"no controller manages {wanted} ({managed}): no Workflow begins",
        fix=f"install a controller without --namespaced, or with --managed-namespace {wanted}; or set "
        "namespaces.workflows to a namespace that a controller manages",
    )


def _version(check: str, *, where: str, image: str) -> CheckResult:
    match = _VERSION.search(image.rpartition("/")[2])
    if match is None:
        return CheckResult(
            check=check,
            status=CheckStatus.WARNING,
            found=f"{where}: {image} has no version in its tag",
            fix="check that it is Argo Workflows 3.7 or later",
        )
    version = (int(match[1]), int(match[2]))
    text = f"{where}: Argo Workflows {match.group()[1:]}"
    if version < _OLDEST:
        fix = "upgrade it: earlier releases do not know backoff.cap, which the template needs"
        return CheckResult(check=check, status=CheckStatus.WRONG, found=text, fix=fix)
    if version not in _TESTED:
        fix = "it is expected to work, but not tested (docs/compatibility.md): play a push before you rely on it"
        return CheckResult(check=check, status=CheckStatus.WARNING, found=text, fix=fix)
    return CheckResult(check=check, status=CheckStatus.OK, found=text)


def restrictions(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that the right to create Workflows does not include the right to change their templates."""
    for namespace, data in own_configurations(installation):
        mode = str(read_table(data, "workflowRestrictions").get("templateReferencing", ""))
        fix = "set workflowRestrictions.templateReferencing: Strict in the controller's ConfigMap"
        match mode:
            case "Strict":
                yield CheckResult(check=check, status=CheckStatus.OK, found=f"{namespace}: Strict")
            case "Secure":
                found = f"{namespace}: Secure: a Workflow that runs during an upgrade must be terminated by hand"
                yield CheckResult(check=check, status=CheckStatus.WARNING, found=found, fix=fix)
            case _:
                found = f"{namespace}: a user who may create Workflows may choose their account, locks and templates"
                yield CheckResult(check=check, status=CheckStatus.WARNING, found=found, fix=fix)


def instance(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that a controller processes Workflows with the instance id of the settings; silent if nothing has one."""
    wanted = installation.settings.argo.instance_id
    found = [(namespace, _instance_id(data)) for namespace, data in _configurations(installation)]
    if not found:
        return  # the check `argo` reports it
    if wanted in (each for _, each in found):
        if wanted:
            yield CheckResult(check=check, status=CheckStatus.OK, found=f"instance id {wanted}")
        return
    others = ", ".join(f"{namespace}: {each or 'none'}" for namespace, each in found)
    yield CheckResult(
        check=check,
        status=CheckStatus.WRONG,
        found=f"no controller has the instance id {wanted or '(none)'} ({others}): no Workflow begins",
        fix="set argo.instance_id to the controller's instanceID, then render and apply",
    )


def pod_layout(installation: Installation, check: str) -> Iterator[CheckResult]:
    """Check that Argo makes the containers that the pods' patch names."""
    for namespace, data in own_configurations(installation):
        if read_table(data, "initlessPod").get("enabled") is True:
            yield CheckResult(
                check=check,
                status=CheckStatus.WRONG,
                found=f"{namespace}: pods have no init container (initlessPod): the patch of the steps' pods adds one "
                "without an image, and the API server refuses the pods",
                fix="set initlessPod.enabled: false in the controller's ConfigMap",
            )
        else:
            yield CheckResult(check=check, status=CheckStatus.OK, found=f"{namespace}: init and wait containers")


def _configurations(installation: Installation) -> list[tuple[str, dict[str, str]]]:
    """Read the settings of each controller of our Workflows, with its namespace, which may have several controllers."""
    found = []
    for each in _managing(installation, _controllers(installation)):
        namespace = each["metadata"]["namespace"]
        config = installation.find(CONFIG_MAPS, namespace=namespace, name=config_map_name(each))
        found.append((namespace, (config or {}).get("data") or {}))
    return found


def own_configurations(installation: Installation) -> list[tuple[str, dict[str, str]]]:
    """Read the settings of the controllers with the instance id of the settings; of all, if none has it.

    Returns:
        The namespace of each controller, and the data of its ConfigMap.
    """
    found = _configurations(installation)
    own = [each for each in found if _instance_id(each[1]) == installation.settings.argo.instance_id]
    return own or found


def _instance_id(data: dict[str, str]) -> str:
    return str(read_setting(data, "instanceID") or "")

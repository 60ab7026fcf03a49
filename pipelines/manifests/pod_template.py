"""The parts that pods share: security contexts, identity, volumes, resources, and the nodes that they may run on.

Guarantees that a pod of the steps meets the `restricted` Pod Security Standard, Argo's own containers included, and so
does the pod of the Sensor and of the rendered EventSource.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hera.workflows import ConfigMapVolume, EmptyDirVolume, SecretVolume
from hera.workflows import models as m
from hera.workflows.models import VolumeMount
from hera.workflows.models.io.k8s.apimachinery.pkg.api.resource import Quantity

from pipelines.names import APP, DEFAULT_BUS
from pipelines.observability import MEASUREMENTS_FOLDER
from steps.telemetry import MEASUREMENTS_ENV, PROFILE_ENV, TRACING_ENDPOINT_ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings

# The user of Argo's own containers, so that one pod security context fits all containers.
_USER = 8737
# The user in Argo Events' own manifests; its image names none.
_EVENTS_USER = 9731
_CA_VOLUME = "github-ca"


def pod_security(settings: Settings) -> m.PodSecurityContext:
    """Build the security context of a pod of the steps."""
    return m.PodSecurityContext.model_validate(_pod_security(settings, user=_USER))


def container_security(settings: Settings) -> m.SecurityContext:
    """Build the security context of a container of the steps."""
    named = {"runAsNonRoot": True, **_user(settings, _USER)}
    return m.SecurityContext.model_validate({**_restricted(), **named, "readOnlyRootFilesystem": True})


def _pod_security(settings: Settings, *, user: int) -> dict[str, Any]:
    return {"runAsNonRoot": True, **_user(settings, user), "seccompProfile": {"type": "RuntimeDefault"}}


def _restricted() -> dict[str, Any]:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _user(settings: Settings, number: int) -> dict[str, int]:
    """Build the part of a security context that names the user, if the platform does not choose it."""
    return {"runAsUser": number} if settings.pods.fixed_user else {}


def identity(settings: Settings) -> list[m.EnvVar]:
    """Build the environment that identifies a container, and that configures its telemetry."""
    return [
        m.EnvVar(name="WORKFLOW_NAME", value="{{workflow.name}}"),
        m.EnvVar(name="WORKFLOW_UID", value="{{workflow.uid}}"),
        m.EnvVar(name="WORKFLOW_CREATED_AT", value="{{workflow.creationTimestamp.s}}"),
        _field_env("POD_NAME", "metadata.name"),
        _field_env("POD_UID", "metadata.uid"),
        _field_env("SERVICE_ACCOUNT", "spec.serviceAccountName"),
        m.EnvVar(name=MEASUREMENTS_ENV, value=MEASUREMENTS_FOLDER),
        *([m.EnvVar(name=TRACING_ENDPOINT_ENV, value=settings.tracing.endpoint)] if settings.tracing.endpoint else []),
        *([m.EnvVar(name=PROFILE_ENV, value="1")] if settings.workflow.profile else []),
    ]


def _field_env(name: str, path: str) -> m.EnvVar:
    return m.EnvVar(
        name=name, value_from=m.EnvVarSource(field_ref=m.ObjectFieldSelector(api_version="v1", field_path=path))
    )


def placement(settings: Settings) -> dict[str, Any]:
    """Build what the specification of a Workflow says of its pods: pull secrets, nodes, labels and annotations."""
    pods = settings.pods
    return {
        "image_pull_secrets": [m.LocalObjectReference(name=name) for name in pods.image_pull_secrets] or None,
        "node_selector": pods.node_selector or None,
        "tolerations": [m.Toleration.model_validate(each.manifest()) for each in pods.tolerations] or None,
        "pod_metadata": m.Metadata(labels=pods.labels | APP, annotations=pods.annotations or None),
    }


def resources(settings: Settings) -> m.ResourceRequirements:
    """Build the compute resources of a container."""
    # Hera's own class refuses some quantities that Kubernetes accepts, such as bytes without a unit.
    requests, limits = settings.workflow.requests, settings.workflow.limits
    return m.ResourceRequirements.model_validate({"requests": requests.as_map(), "limits": limits.as_map()})


def volumes(settings: Settings) -> list[EmptyDirVolume | SecretVolume | ConfigMapVolume | m.Volume]:
    """Build a pod's volumes: an empty one in memory, GitHub's credentials and CA, and the circuit breakers."""
    return [
        EmptyDirVolume(name="tmp", mount_path="/tmp", medium="Memory", size_limit=Quantity("16Mi")),  # noqa: S108 - the pod's own empty folder
        SecretVolume(
            name="github",
            secret_name=settings.workflow.credentials_secret,
            mount_path=settings.github.credentials_dir,
            optional=True,
        ),
        # Hera names the volume after its ConfigMap.
        ConfigMapVolume(name=settings.breaker.config_map, mount_path=settings.breaker.mount, optional=True),
        *_ca_volume(settings),
    ]


def _ca_volume(settings: Settings) -> list[m.Volume]:
    """Build the volume of the certificates for GitHub, if the settings name one."""
    name = settings.github.ca_config_map
    # Optional, like the Secret: a step reports a missing one, whereas a pod that waits for it would not start.
    source = m.ConfigMapVolumeSource(name=name, optional=True)
    return [m.Volume(name=_CA_VOLUME, config_map=source)] if name else []


def ca_mounts(settings: Settings) -> list[VolumeMount]:
    """Build the mount of the certificates; Hera does not mount this volume by itself."""
    mount = VolumeMount(name=_CA_VOLUME, mount_path=settings.github.ca_dir, read_only=True)
    return [mount] if settings.github.ca_config_map else []


def spec_patch(settings: Settings) -> str:
    """Make Argo's own containers pass the `restricted` Pod Security Standard too."""
    restricted = {**_restricted(), "runAsNonRoot": True, **_user(settings, _USER)}
    patch = {
        "initContainers": [{"name": "init", "securityContext": restricted}],
        "containers": [{"name": "wait", "securityContext": restricted}],
    }
    return json.dumps(patch, indent=1)


def event_bus(settings: Settings) -> dict[str, str]:
    """Build the part of a `spec` that names the EventBus."""
    name = settings.events.event_bus
    return {} if name == DEFAULT_BUS else {"eventBusName": name}


def event_pod(settings: Settings, *, container: dict[str, Any] | None = None) -> dict[str, Any]:
    """Build a `spec.template` of Argo Events: where its pod runs, how it is marked, and what it may do.

    Args:
        settings: The settings.
        container: Further fields of its container.
    """
    pods = settings.pods
    metadata = {"labels": pods.labels, "annotations": pods.annotations}
    wanted: dict[str, Any] = {
        "metadata": {key: dict(values) for key, values in metadata.items() if values},
        "nodeSelector": dict(pods.node_selector),
        "tolerations": [each.manifest() for each in pods.tolerations],
        "securityContext": _pod_security(settings, user=_EVENTS_USER),
        "container": {
            **(container or {}),
            "securityContext": {**_restricted(), "readOnlyRootFilesystem": True},
        },
    }
    return {key: value for key, value in wanted.items() if value}

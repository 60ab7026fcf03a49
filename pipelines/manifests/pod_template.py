"""What every pod of ours has: it meets the `restricted` Pod Security Standard, knows itself, sees GitHub's Secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hera.workflows import ConfigMapVolume, EmptyDirVolume, Env, Resources, SecretVolume
from hera.workflows import models as m
from hera.workflows.models import VolumeMount
from hera.workflows.models.io.k8s.apimachinery.pkg.api.resource import Quantity

from pipelines.observability import MEASUREMENTS_FOLDER
from steps.telemetry import MEASUREMENTS_ENV, PROFILE_ENV, TRACING_ENDPOINT_ENV

if TYPE_CHECKING:
    from pipelines.settings import Settings

# Argo's own containers run as this user; ours do as well, so one pod security context fits all.
_USER = 8737
_BUNDLE = "github-ca"
RESTRICTED = m.SecurityContext(
    allow_privilege_escalation=False,
    capabilities=m.Capabilities(drop=["ALL"]),
    read_only_root_filesystem=True,
    run_as_non_root=True,
    run_as_user=_USER,
)
SECURITY = m.PodSecurityContext(
    run_as_non_root=True, run_as_user=_USER, seccomp_profile=m.SeccompProfile(type="RuntimeDefault")
)


def identity(settings: Settings) -> list[Env | m.EnvVar]:
    """Who a container is, and what of itself it tells besides, in its environment."""
    return [
        Env(name="WORKFLOW_NAME", value="{{workflow.name}}"),
        Env(name="WORKFLOW_UID", value="{{workflow.uid}}"),
        Env(name="WORKFLOW_CREATED_AT", value="{{workflow.creationTimestamp.s}}"),
        _downward("POD_NAME", "metadata.name"),
        _downward("POD_UID", "metadata.uid"),
        _downward("SERVICE_ACCOUNT", "spec.serviceAccountName"),
        Env(name=MEASUREMENTS_ENV, value=MEASUREMENTS_FOLDER),
        *([Env(name=TRACING_ENDPOINT_ENV, value=settings.tracing.endpoint)] if settings.tracing.endpoint else []),
        *([Env(name=PROFILE_ENV, value="1")] if settings.workflow.profile else []),
    ]


def _downward(name: str, path: str) -> m.EnvVar:
    return m.EnvVar(
        name=name, value_from=m.EnvVarSource(field_ref=m.ObjectFieldSelector(api_version="v1", field_path=path))
    )


def resources(settings: Settings) -> Resources:
    """Compute resources of a container."""
    requests, limits = settings.workflow.requests, settings.workflow.limits
    return Resources(
        cpu_request=requests.cpu, memory_request=requests.memory, cpu_limit=limits.cpu, memory_limit=limits.memory
    )


def volumes(settings: Settings) -> list[EmptyDirVolume | SecretVolume | ConfigMapVolume | m.Volume]:
    """A pod's folders: its own, in memory; GitHub's credentials and CA; what all pods know of dependencies."""
    return [
        EmptyDirVolume(name="tmp", mount_path="/tmp", medium="Memory", size_limit=Quantity("16Mi")),  # noqa: S108 - the pod's own empty folder
        SecretVolume(
            name="github",
            secret_name=settings.workflow.credentials_secret,
            mount_path=settings.github.credentials_dir,
            optional=True,
        ),
        # Hera calls a volume by its ConfigMap's name.
        ConfigMapVolume(name=settings.breaker.config_map, mount_path=settings.breaker.mount, optional=True),
        *_bundle(settings),
    ]


def _bundle(settings: Settings) -> list[m.Volume]:
    """The certificates that count for GitHub, if the settings name any."""
    name = settings.github.ca_config_map
    # Optional, as the Secret is: a step that misses it says so, where a pod that waits for it would not.
    source = m.ConfigMapVolumeSource(name=name, optional=True)
    return [m.Volume(name=_BUNDLE, config_map=source)] if name else []


def bundle_mounts(settings: Settings) -> list[VolumeMount]:
    """Where a container finds them; unlike the other folders, Hera does not mount this one by itself."""
    mount = VolumeMount(name=_BUNDLE, mount_path=settings.github.ca_dir, read_only=True)
    return [mount] if settings.github.ca_config_map else []


def mounts(settings: Settings) -> list[VolumeMount]:
    """Where a container of a set finds the pod's folders."""
    return [
        VolumeMount(name="tmp", mount_path="/tmp"),  # noqa: S108 - as above
        VolumeMount(name="github", mount_path=settings.github.credentials_dir, read_only=True),
        VolumeMount(name=settings.breaker.config_map, mount_path=settings.breaker.mount, read_only=True),
        *bundle_mounts(settings),
    ]


def spec_patch() -> str:
    """Make Argo's own containers pass the `restricted` Pod Security Standard too."""
    restricted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": _USER,
    }
    patch = {
        "initContainers": [{"name": "init", "securityContext": restricted}],
        "containers": [{"name": "wait", "securityContext": restricted}],
    }
    return json.dumps(patch, indent=1)

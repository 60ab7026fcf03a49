"""What the WorkflowTemplates of the steps share: namespace, security, retries, and how long Workflows are kept.

Guarantees that a container of the steps runs the configured image, without rights and within its limits. Relies on Argo
to retry an attempt with exit code 75 or with a lost pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hera.workflows import RetryStrategy
from hera.workflows import models as m
from hera.workflows.models.io.k8s.apimachinery.pkg.util.intstr import IntOrString

from pipelines.manifests.pod_template import (
    ca_mounts,
    container_security,
    identity,
    placement,
    pod_security,
    resources,
    spec_patch,
    volumes,
)
from pipelines.names import APP
from pipelines.observability import measurements_volume
from steps.core import Exit
from steps.settings import SETTINGS_ENV

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.settings import Settings
    from steps.domain import Parameter


def template_fields(settings: Settings) -> dict[str, Any]:
    """Build what each WorkflowTemplate of the steps has."""
    return {
        "namespace": settings.namespaces.workflows,
        "labels": APP | settings.argo.labels,
        "security_context": pod_security(settings),
        "pod_spec_patch": spec_patch(settings),
        # The controller's `workflowDefaults` may say no, and the steps need the token of their account.
        "automount_service_account_token": True,
        **placement(settings),
    }


def kept_fields(settings: Settings) -> dict[str, Any]:
    """Build what a WorkflowTemplate says about the end: how long a Workflow and its pods are kept."""
    rules = settings.workflow
    return {
        "ttl_strategy": m.TTLStrategy(
            seconds_after_success=rules.keep_succeeded_s, seconds_after_failure=rules.keep_failed_s
        ),
        "pod_gc": m.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration="600s"),
    }


def container_fields(settings: Settings, *, module: str, measured: bool = True) -> dict[str, Any]:
    """Build what each container of the steps has.

    Args:
        settings: The settings.
        module: The module of `steps` that it runs.
        measured: Whether Argo reads numbers from the container.
    """
    return {
        "image": settings.image.name,
        "image_pull_policy": settings.image.pull_policy,
        "command": ["python", "-m", f"steps.{module}"],
        "volumes": [*volumes(settings), *([measurements_volume()] if measured else [])],
        "volume_mounts": ca_mounts(settings),
        "resources": resources(settings),
        "security_context": container_security(settings),
        **_log_fields(settings),
    }


def _log_fields(settings: Settings) -> dict[str, Any]:
    """Build what keeps a container's log out of Argo's artifact repository, whatever the controller's settings say.

    Argo mounts the repository's Secrets into a pod whose log it archives, and a pod without them never starts. If the
    controller says `archiveLogs: true`, only a template with a location of its own is left out.
    """
    nowhere = m.ArtifactLocation(archive_logs=False, raw=m.RawArtifact(data="nowhere"))
    return {} if settings.workflow.archive_logs else {"archive_location": nowhere}


def environment(settings: Settings, *, read: str, parameters: Iterable[Parameter] = ()) -> list[m.EnvVar]:
    """Build the environment of a container: parameters, its identity, and settings.

    Args:
        settings: The settings.
        read: The part of them that the container reads.
        parameters: The parameters of its template.
    """
    return [
        *(m.EnvVar(name=each.env, value=f"{{{{workflow.parameters.{each.name}}}}}") for each in parameters),
        *identity(settings),
        m.EnvVar(name=SETTINGS_ENV, value=read),
    ]


def for_each_container(environment: list[m.EnvVar]) -> m.Template:
    """Build the defaults of a WorkflowTemplate whose containers have one environment, so that it stands there once.

    Relies on Argo to merge the defaults into each template with a container by a strategic merge patch, before it fills
    in parameters. docs/decisions/0022 explains why the settings stand in the template at all.
    """
    return m.Template(container=m.Container(env=environment))


def retries(settings: Settings) -> RetryStrategy:
    """Build the retries of a container."""
    return RetryStrategy(
        limit=settings.workflow.retries,
        retry_policy="Always",
        expression=retry_expression(),
        backoff=m.Backoff(duration="5s", factor=IntOrString(2), cap="60s"),
    )


def retry_expression() -> str:
    """Return the condition of a retry, in Argo's expression language.

    A lost pod has no exit code (-1), a killed one has 137 or 143. Any other failure than bad input or a missing right
    is a bug, and is retried once.
    """
    again = ", ".join(f"'{code}'" for code in (int(Exit.TRY_AGAIN), -1, 137, 143))
    final = ", ".join(f"'{int(code)}'" for code in (Exit.BAD_INPUT, Exit.FORBIDDEN))
    return f"lastRetry.exitCode in [{again}] || (lastRetry.exitCode not in [{final}] && asInt(retries) < 1)"

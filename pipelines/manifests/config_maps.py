"""The ConfigMaps: the shared circuit breakers, and the limit behind the semaphore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.client import V1ConfigMap

from pipelines.manifests.kubernetes_objects import object_metadata, plain_manifest
from pipelines.names import LIMITS, LIMITS_KEY

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from steps.settings import StepSettings


def breakers(settings: StepSettings) -> dict[str, Any]:
    """Build the ConfigMap of the circuit breakers.

    It has no data: to apply it again resets no breaker.
    """
    metadata = object_metadata(settings.breaker.config_map, namespace=settings.namespaces.workflows)
    return plain_manifest(V1ConfigMap(api_version="v1", kind="ConfigMap", metadata=metadata))


def limits(settings: Settings) -> dict[str, Any]:
    """Build the ConfigMap behind the semaphore.

    Argo reads it at each check, so it can be changed while Workflows wait.
    """
    return plain_manifest(
        V1ConfigMap(
            api_version="v1",
            kind="ConfigMap",
            metadata=object_metadata(LIMITS, namespace=settings.namespaces.workflows),
            data={LIMITS_KEY: str(settings.workflow.concurrent)},
        )
    )

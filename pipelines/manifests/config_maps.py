"""The ConfigMaps: the shared circuit breakers, and the limit behind the semaphore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.names import APP, LIMITS, LIMITS_KEY

if TYPE_CHECKING:
    from pipelines.settings import Settings
    from steps.settings import StepSettings


def breakers(settings: StepSettings) -> dict[str, Any]:
    """The ConfigMap in which the pods keep their breakers; it has no data, so applying it again resets none of them."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": settings.breaker.config_map,
            "namespace": settings.namespaces.workflows,
            "labels": dict(APP),
        },
    }


def limits(settings: Settings) -> dict[str, Any]:
    """The ConfigMap behind the semaphore: Argo reads it at each check, so it can be changed while workflows wait."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": LIMITS, "namespace": settings.namespaces.workflows, "labels": dict(APP)},
        "data": {LIMITS_KEY: str(settings.workflow.concurrent)},
    }

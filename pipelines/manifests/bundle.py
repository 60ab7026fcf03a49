"""All manifests, in the order in which they are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.manifests.cancel_workflow import workflow_template
from pipelines.manifests.command_workflow import command_template
from pipelines.manifests.config_maps import breakers, limits
from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.network_policy import network_policy_manifest
from pipelines.manifests.rbac import command_access, reconcile_access, sensor_access, steps_access
from pipelines.manifests.reconcile_workflow import reconcile_template, schedule
from pipelines.manifests.sensor import sensor_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.settings import Settings


def all_manifests(settings: Settings) -> Iterator[dict[str, Any]]:
    """Build every object, in the order in which they are applied."""
    yield from steps_access(settings)
    yield from reconcile_access(settings)
    if "commands" in settings.events.react_to:
        yield from command_access(settings)
    yield from sensor_access(settings)
    yield network_policy_manifest(settings)
    yield limits(settings)
    yield breakers(settings)
    yield workflow_template(settings)
    if "commands" in settings.events.react_to:
        yield command_template(settings)
    yield reconcile_template(settings)
    if settings.reconcile.every_s:
        yield schedule(settings)
    if settings.events.render_event_source:
        yield event_source_manifest(settings)
    yield sensor_manifest(settings)

"""The manifests, one module a kind of object, and the folder they are written to.

Guarantees that equal settings give equal bytes.
"""

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.cancel_workflow import workflow_template
from pipelines.manifests.config_maps import breakers, limits
from pipelines.manifests.event_source import event_source_manifest
from pipelines.manifests.files import find_drift, render_files, write_files
from pipelines.manifests.network_policy import network_policy_manifest
from pipelines.manifests.rbac import reconcile_access, sensor_access, steps_access
from pipelines.manifests.reconcile_workflow import reconcile_template, schedule
from pipelines.manifests.sensor import sensor_manifest
from pipelines.manifests.yaml_dump import dump_yaml

__all__ = [
    "all_manifests",
    "breakers",
    "dump_yaml",
    "event_source_manifest",
    "find_drift",
    "limits",
    "network_policy_manifest",
    "reconcile_access",
    "reconcile_template",
    "render_files",
    "schedule",
    "sensor_access",
    "sensor_manifest",
    "steps_access",
    "workflow_template",
    "write_files",
]

"""The manifests, with one module for each kind of object.

Guarantees that equal settings give equal bytes.
"""

from pipelines.manifests.bundle import all_manifests
from pipelines.manifests.event_source import webhook_events
from pipelines.manifests.files import render_files
from pipelines.manifests.folder import diff_folder, diff_texts, dump_yaml, find_drift, replace_file, write_files
from pipelines.manifests.sensor import SensorEvent, sensor_events

__all__ = [
    "SensorEvent",
    "all_manifests",
    "diff_folder",
    "diff_texts",
    "dump_yaml",
    "find_drift",
    "render_files",
    "replace_file",
    "sensor_events",
    "webhook_events",
    "write_files",
]

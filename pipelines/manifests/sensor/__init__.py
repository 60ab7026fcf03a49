"""The Sensor: the events that it listens for, their filters, and the Workflow that it creates for each."""

from pipelines.manifests.sensor.event import SensorEvent
from pipelines.manifests.sensor.events import sensor_events
from pipelines.manifests.sensor.manifest import sensor_manifest

__all__ = [
    "SensorEvent",
    "sensor_events",
    "sensor_manifest",
]

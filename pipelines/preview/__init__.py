"""What would happen: the filter of the Sensor that drops an event, the task of a branch, and its runs.

Guarantees that nothing is written, and that the filters are those of the rendered Sensor.
"""

from pipelines.preview.event_preview import EventPreview, preview_event
from pipelines.preview.payload import push_payload, read_payload
from pipelines.preview.run_preview import TaskPreview, preview_runs

__all__ = [
    "EventPreview",
    "TaskPreview",
    "preview_event",
    "preview_runs",
    "push_payload",
    "read_payload",
]

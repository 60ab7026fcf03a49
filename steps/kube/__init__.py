"""The API server: transport, client, Events, field paths.

Guarantees that every answer is the requested object or an error by meaning, and that every write leaves an audit line.
"""

from steps.kube.client import Kube
from steps.kube.connection import connect_kubernetes
from steps.kube.events import EventReason, ObjectReference, build_event, lease_reference, send_event
from steps.kube.field_path import label_key, read_field, read_state
from steps.kube.http_transport import KubernetesTransport
from steps.kube.resources import CONFIG_MAPS, JOBS, LEASES, PODS, WORKFLOWS, Resource
from steps.kube.transport import Json, Transport, traced_transport

__all__ = [
    "CONFIG_MAPS",
    "JOBS",
    "LEASES",
    "PODS",
    "WORKFLOWS",
    "EventReason",
    "Json",
    "Kube",
    "KubernetesTransport",
    "ObjectReference",
    "Resource",
    "Transport",
    "build_event",
    "connect_kubernetes",
    "label_key",
    "lease_reference",
    "read_field",
    "read_state",
    "send_event",
    "traced_transport",
]

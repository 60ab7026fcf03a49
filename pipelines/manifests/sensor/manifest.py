"""The Sensor.

Guarantees that each event that passes its filters creates a Workflow. A repeated delivery creates a second Workflow,
which ends as superseded: with a fixed name the API server would refuse it, and the Sensor would retry for half a minute
while every other event waits (docs/decisions/0005). An event that cannot be submitted goes to the dead letter: a
Workflow of the same template without priority, whose step reports the error. Does not guarantee delivery: GitHub does
not repeat an unanswered webhook, and a Sensor acknowledges after its last attempt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.manifests.pod_template import event_bus, event_pod
from pipelines.manifests.sensor.events import sensor_events
from pipelines.manifests.sensor.task_id import task_id_template
from pipelines.names import APP, DELIVERY_LABEL, SENSOR_ACCOUNT, TASK_LABEL
from steps.domain import MAX_PRIORITY

if TYPE_CHECKING:
    from pipelines.manifests.sensor.event import SensorEvent
    from pipelines.settings import Settings


def _key(event: SensorEvent, dest: str, key: str, *, raw: bool = False) -> dict[str, Any]:
    """Copy a value of the event; with `raw`, a number stays a number."""
    source = {"dependencyName": event.name, "dataKey": key} | ({"useRawData": True} if raw else {})
    return {"src": source, "dest": dest}


def _filled(event: SensorEvent, dest: str, template: str) -> dict[str, Any]:
    """Fill a Go template with the event's values."""
    return {"src": {"dependencyName": event.name, "dataTemplate": template}, "dest": dest}


def _argument(name: str) -> str:
    return f'spec.arguments.parameters.#(name=="{name}").value'


def _workflow(event: SensorEvent, settings: Settings, *, prefix: str) -> dict[str, Any]:
    """Build the Workflow without the event's values. The Sensor finds a parameter by name only if it has a `value`."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "generateName": prefix,
            "namespace": settings.namespaces.workflows,
            "labels": APP | settings.argo.labels | ({TASK_LABEL: ""} if event.ref else {}) | {DELIVERY_LABEL: ""},
        },
        "spec": {
            "workflowTemplateRef": {"name": event.template},
            "arguments": {
                "parameters": [
                    {"name": parameter.name, "value": event.constants.get(parameter.name, "")}
                    for parameter in event.parameters
                ]
            },
        },
    }


def _template(event: SensorEvent, settings: Settings, *, dead_letter: bool) -> dict[str, Any]:
    prefix = f"{event.prefix}dlq-" if dead_letter else event.prefix
    # A comment names no branch: its step finds the task.
    task = task_id_template(settings, ref=event.ref) if event.ref else ""
    own = "" if event.name == "push" else f"-{event.name}"
    parameters = [
        # The prefix of the name is the delivery id; the API server adds five characters.
        _filled(event, "metadata.generateName", f'{prefix}{{{{ index .Input.body "X-GitHub-Delivery" }}}}-'),
        _key(event, f"metadata.labels.{DELIVERY_LABEL}", "body.X-GitHub-Delivery"),
        *([_filled(event, f"metadata.labels.{TASK_LABEL}", task)] if task else []),
        *([_filled(event, _argument("task-id"), task)] if task else []),
        _key(event, _argument("repository"), "body.repository.full_name"),
        *(_key(event, _argument(name), key) for name, key in event.keys.items()),
        *(_filled(event, _argument(name), template) for name, template in event.templates.items()),
        _key(event, _argument("correlation-id"), "body.X-GitHub-Delivery"),
        _key(event, _argument("requested-by"), "body.sender.login"),
    ]
    if event.prioritised and not dead_letter:
        # Argo gives a task's mutex to the waiting Workflow with the highest priority: the latest push.
        # A priority has 32 bits. The path takes the first value that fits, so all pushes after 2038 get the second one.
        bounded = f"[body.repository.pushed_at,!{MAX_PRIORITY}].#(<={MAX_PRIORITY})"
        parameters.append(_key(event, "spec.priority", bounded, raw=True))
    return {
        "name": f"{'dead-letter' if dead_letter else 'cancel-agents'}{own}",
        "conditions": event.name,
        "k8s": {
            "operation": "create",
            "source": {"resource": _workflow(event, settings, prefix=prefix)},
            "parameters": parameters,
        },
    }


def sensor_manifest(settings: Settings) -> dict[str, Any]:
    """Build the Sensor: for each event a trigger with retries and a dead letter."""
    events = list(sensor_events(settings))
    retry = {"steps": settings.events.retries, "duration": "2s", "factor": 2, "jitter": 0.2}
    limits, requests = settings.events.limits, settings.events.requests
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": {"name": settings.events.sensor, "namespace": settings.namespaces.events, "labels": dict(APP)},
        "spec": {
            **event_bus(settings),
            "template": {
                "serviceAccountName": SENSOR_ACCOUNT,
                **event_pod(
                    settings, container={"resources": {"requests": requests.as_map(), "limits": limits.as_map()}}
                ),
            },
            "dependencies": [
                {
                    "name": event.name,
                    "eventSourceName": settings.events.event_source,
                    "eventName": settings.events.event_name,
                    # The API server refuses a priority that is text. The Sensor would retry, and others would wait.
                    "filters": {"data": list(event.filters), "exprs": list(event.exprs)},
                }
                for event in events
            ],
            "triggers": [
                {
                    "template": _template(event, settings, dead_letter=False),
                    # Otherwise the Sensor acknowledges the message before the trigger runs, and does not retry.
                    "atLeastOnce": True,
                    "retryStrategy": retry,
                    "dlqTrigger": {
                        "template": _template(event, settings, dead_letter=True),
                        "atLeastOnce": True,
                        "retryStrategy": retry,
                    },
                }
                for event in events
            ],
        },
    }

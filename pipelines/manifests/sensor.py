"""The Sensor `implementation-agent-remediation`.

Guarantees, by anchored filters on signed fields, that only pushes of the configured senders to task branches of the
configured repositories create Workflows, and that a Workflow gets only checked ids. A repeated delivery creates a
second Workflow, which ends as superseded: with a fixed name the API server would refuse it, and the Sensor would retry
for half a minute while every other push waits (docs/decisions/0005). A push that cannot be submitted goes to the dead
letter: a Workflow of the same template without priority, whose step reports the error. Does not guarantee delivery:
GitHub does not repeat an unanswered webhook, and a Sensor acknowledges after its last attempt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pipelines.manifests.task_id import ref_pattern, task_id_template
from pipelines.names import APP, DELIVERY_LABEL, SENSOR, SENSOR_ACCOUNT, TASK_LABEL, TEMPLATE
from steps.domain import MAX_PRIORITY, PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.settings import Settings

_DEPENDENCY = "push"
_PATTERNS = {parameter.name: parameter.pattern for parameter in PARAMETERS}
_DELIVERY = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Ten digits, as the parameter says.
_PUSHED_AT = 10**9, 10**10 - 1
_REPOSITORY = r"[A-Za-z0-9._-]{1,100}"
_USER = 9731  # the user in Argo Events' own manifests


def _text(path: str, *patterns: str) -> dict[str, Any]:
    """Build a filter on text, with alternative patterns; anchored, so that it does not match inside another value."""
    return {"path": path, "type": "string", "value": [f"^(?:{pattern})$" for pattern in patterns]}


def _names(path: str, names: Iterable[str]) -> dict[str, Any]:
    """Build a filter on GitHub's names. GitHub ignores their case, and settings may spell them differently."""
    return {"path": path, "type": "string", "value": [f"^(?i:{_name(name)})$" for name in names]}


def _name(name: str) -> str:
    """Build the pattern of a name, or of all repositories of an owner."""
    return _literal(name[:-1]) + _REPOSITORY if name.endswith("/*") else _literal(name)


def _numbers(path: str) -> list[dict[str, Any]]:
    """Build filters that drop text, too: a filter on data reads a number from text, an expression does not."""
    fields = [{"name": "pushed_at", "path": path}]
    return [
        {"expr": f"pushed_at {bound}", "fields": fields} for bound in (f">= {_PUSHED_AT[0]}", f"<= {_PUSHED_AT[1]}")
    ]


def _literal(text: str) -> str:
    """Build a pattern that matches exactly this text; a bare hyphen is valid in Go and easier to read."""
    return re.escape(text).replace("\\-", "-")


def _filters(settings: Settings) -> list[dict[str, Any]]:
    rules = settings.events
    return [
        _text("headers.X-Github-Event.0", "push"),
        _text("body.X-GitHub-Delivery", _DELIVERY),
        _names("body.repository.full_name", rules.repositories),
        _names("body.sender.login", rules.senders),
        _text("body.sender.type", "Bot" if all(login.endswith("[bot]") for login in rules.senders) else "Bot|User"),
        _text("body.ref", *map(ref_pattern, settings.tasks)),
        # A pattern may match more than that, and Argo would evaluate an expression in a ref.
        _text("body.ref", _PATTERNS["ref"]),
        _text("body.before", _PATTERNS["before"]),
        _text("body.after", _PATTERNS["sha"]),
        {"path": "body.deleted", "type": "bool", "value": ["false"]},
    ]


def _key(dest: str, key: str, *, raw: bool = False) -> dict[str, Any]:
    """Copy a value of the event; with `raw`, a number stays a number."""
    source = {"dependencyName": _DEPENDENCY, "dataKey": key} | ({"useRawData": True} if raw else {})
    return {"src": source, "dest": dest}


def _named(prefix: str) -> dict[str, Any]:
    """Set the name's prefix to the delivery id; the API server adds five characters."""
    template = f'{prefix}{{{{ index .Input.body "X-GitHub-Delivery" }}}}-'
    return {"src": {"dependencyName": _DEPENDENCY, "dataTemplate": template}, "dest": "metadata.generateName"}


def _argument(name: str, key: str) -> dict[str, Any]:
    return _key(f'spec.arguments.parameters.#(name=="{name}").value', key)


def _task(dest: str, settings: Settings) -> dict[str, Any]:
    """Build the task id from the ref. The filter ensures that a pattern matches."""
    source = {"dependencyName": _DEPENDENCY, "dataTemplate": task_id_template(settings)}
    return {"src": source, "dest": dest}


def _workflow(settings: Settings, *, prefix: str) -> dict[str, Any]:
    """Build the Workflow without the event's values. The Sensor finds a parameter by name only if it has a `value`."""
    values = {"reason": "push", "dry-run": "false"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "generateName": prefix,
            "namespace": settings.namespaces.workflows,
            "labels": APP | {TASK_LABEL: "", DELIVERY_LABEL: ""},
        },
        "spec": {
            "workflowTemplateRef": {"name": TEMPLATE},
            "arguments": {
                "parameters": [
                    {"name": parameter.name, "value": values.get(parameter.name, "")} for parameter in PARAMETERS
                ]
            },
        },
    }


def _template(name: str, settings: Settings, *, prefix: str, prioritised: bool) -> dict[str, Any]:
    task = 'spec.arguments.parameters.#(name=="task-id").value'
    parameters = [
        _named(prefix),
        _key(f"metadata.labels.{DELIVERY_LABEL}", "body.X-GitHub-Delivery"),
        _task(f"metadata.labels.{TASK_LABEL}", settings),
        _task(task, settings),
        _argument("repository", "body.repository.full_name"),
        _argument("ref", "body.ref"),
        _argument("before", "body.before"),
        _argument("sha", "body.after"),
        _argument("pushed-at", "body.repository.pushed_at"),
        _argument("correlation-id", "body.X-GitHub-Delivery"),
        _argument("requested-by", "body.sender.login"),
    ]
    if prioritised:
        # Argo gives a task's mutex to the waiting Workflow with the highest priority: the latest push.
        # A priority has 32 bits. The path takes the first value that fits, so all pushes after 2038 get the second one.
        bounded = f"[body.repository.pushed_at,!{MAX_PRIORITY}].#(<={MAX_PRIORITY})"
        parameters.append(_key("spec.priority", bounded, raw=True))
    return {
        "name": name,
        "k8s": {
            "operation": "create",
            "source": {"resource": _workflow(settings, prefix=prefix)},
            "parameters": parameters,
        },
    }


def sensor_manifest(settings: Settings) -> dict[str, Any]:
    """Build the Sensor: one trigger with retries and a dead letter."""
    retry = {"steps": settings.events.retries, "duration": "2s", "factor": 2, "jitter": 0.2}
    limits, requests = settings.events.limits, settings.events.requests
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": {"name": SENSOR, "namespace": settings.namespaces.events, "labels": dict(APP)},
        "spec": {
            "template": {
                "serviceAccountName": SENSOR_ACCOUNT,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": _USER,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "container": {
                    "resources": {
                        "requests": {"cpu": requests.cpu, "memory": requests.memory},
                        "limits": {"cpu": limits.cpu, "memory": limits.memory},
                    },
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                },
            },
            "dependencies": [
                {
                    "name": _DEPENDENCY,
                    "eventSourceName": settings.events.event_source,
                    "eventName": settings.events.event_name,
                    # The API server refuses a priority that is text. The Sensor would retry, and others would wait.
                    "filters": {"data": _filters(settings), "exprs": _numbers("body.repository.pushed_at")},
                }
            ],
            "triggers": [
                {
                    "template": _template("cancel-agents", settings, prefix="cancel-", prioritised=True),
                    # Otherwise the Sensor acknowledges the message before the trigger runs, and does not retry.
                    "atLeastOnce": True,
                    "retryStrategy": retry,
                    "dlqTrigger": {
                        "template": _template("dead-letter", settings, prefix="cancel-dlq-", prioritised=False),
                        "atLeastOnce": True,
                        "retryStrategy": retry,
                    },
                }
            ],
        },
    }

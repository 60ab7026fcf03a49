"""The platform's CodeRun kind, as a CustomResourceDefinition with a structural schema.

Guarantees: required fields, types and the status subresource are those of the platform, so an invented field is pruned
and a missing one refused, by the double and by a real API server alike.
Not guaranteed: the optional fields are all that any version of the platform has.
"""

from typing import Any

GROUP = "agents.platform"
VERSION = "v1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "CodeRun"
PLURAL = "coderuns"
FINALIZER = "agents.platform/cleanup"
TEXT = {"type": "string"}
REQUIRED = {
    "taskId": {"type": "integer", "minimum": 0},
    "service": TEXT,
    "repositoryUrl": TEXT,
    "docsRepositoryUrl": TEXT,
    "workingDirectory": TEXT,
    "model": TEXT,
    "githubApp": TEXT,
}
OPTIONAL = {
    "continueSession": {"type": "boolean"},
    "contextVersion": {"type": "integer"},
    "docsBranch": TEXT,
    "docsProjectDirectory": TEXT,
    "overwriteMemory": {"type": "boolean"},
    "env": {"type": "object", "additionalProperties": TEXT},
}
CONDITION = {
    "type": "object",
    "required": ["type", "status"],
    "properties": {"type": TEXT, "status": TEXT, "reason": TEXT, "message": TEXT, "lastTransitionTime": TEXT},
}
STATUS = {
    "phase": TEXT,
    "message": TEXT,
    "lastUpdate": TEXT,
    "jobName": TEXT,
    "pullRequestUrl": TEXT,
    "remediationStatus": TEXT,
    "qaStatus": TEXT,
    "retryCount": {"type": "integer"},
    "conditions": {"type": "array", "items": CONDITION},
}
SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "apiVersion": TEXT,
        "kind": TEXT,
        "metadata": {"type": "object"},
        "spec": {"type": "object", "required": sorted(REQUIRED), "properties": {**REQUIRED, **OPTIONAL}},
        "status": {"type": "object", "properties": STATUS},
    },
}
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {
            "plural": PLURAL,
            "singular": "coderun",
            "kind": KIND,
            "listKind": "CodeRunList",
            "shortNames": ["cr"],
        },
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": SCHEMA},
                "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Task", "type": "integer", "jsonPath": ".spec.taskId"},
                    {"name": "Agent", "type": "string", "jsonPath": ".spec.githubApp"},
                    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
                ],
            }
        ],
    },
}

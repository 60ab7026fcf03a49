"""The published descriptions, trimmed to what the tests need and kept as JSON in the cache.

Guarantees: everything comes from the pinned versions in `npm` and go/go.sum. Does not: put any of it in the repository.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import yaml

from tests.schemas import gomod, npm
from tests.schemas.cache import entry
from tests.schemas.strict import strict

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = 7
"""Counts the changes of what this module writes, so that an old entry is not mistaken for a new one."""
_CRDS = {"Workflow": "workflows", "WorkflowTemplate": "workflowtemplates", "CronWorkflow": "cronworkflows"}
WORKFLOW_KINDS = tuple(_CRDS)
_MONITORING = {"PrometheusRule": "prometheusrules", "PodMonitor": "podmonitors"}
MONITORING_KINDS = tuple(_MONITORING)
_EVENTS = "io.argoproj.events.v1alpha1."
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
OPERATIONS = (
    ("/app", "get"),
    ("/app/installations/{installation_id}/access_tokens", "post"),
    ("/rate_limit", "get"),
    ("/repos/{owner}/{repo}", "get"),
    ("/repos/{owner}/{repo}/activity", "get"),
    ("/repos/{owner}/{repo}/collaborators/{username}/permission", "get"),
    ("/repos/{owner}/{repo}/hooks", "get"),
    ("/repos/{owner}/{repo}/issues/comments/{comment_id}", "patch"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/comments", "get"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/comments", "post"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/labels", "get"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/labels", "post"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/labels", "put"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/labels", "delete"),
    ("/repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", "delete"),
    ("/repos/{owner}/{repo}/labels/{name}", "get"),
    ("/repos/{owner}/{repo}/pulls", "get"),
    ("/repos/{owner}/{repo}/pulls/{pull_number}", "get"),
    ("/user", "get"),
)


def workflows_folder() -> Path:
    """Give the folder of Argo Workflows' schemas, one file per kind."""
    return entry(f"argo-workflows-{gomod.version(gomod.ARGO_WORKFLOWS)}-{_FORMAT}", build=_build_workflows)


def monitoring_folder() -> Path:
    """Give the folder of the Prometheus operator's schemas, one file per kind."""
    version = gomod.version(gomod.PROMETHEUS_OPERATOR)
    return entry(f"prometheus-operator-{version}-{_FORMAT}", build=_build_monitoring)


def events_folder() -> Path:
    """Give the folder of Argo Events' definitions, which bring Kubernetes' own along."""
    return entry(f"argo-events-{gomod.version(gomod.ARGO_EVENTS)}-{_FORMAT}", build=_build_events)


def github_folder() -> Path:
    """Give the folder of the operations that the double answers."""
    # With another operation in the list, it is another entry.
    return entry(f"github-openapi-{npm.OPENAPI.version}-{_FORMAT}-{len(OPERATIONS)}", build=_build_github)


def webhooks_folder() -> Path:
    """Give the folder of example webhook payloads."""
    return entry(f"github-webhooks-{npm.WEBHOOK_EXAMPLES.version}-{_FORMAT}", build=_build_webhooks)


@cache
def workflow_schema(kind: str) -> dict[str, Any]:
    """Give the strict schema of an Argo Workflows kind."""
    return _load(workflows_folder() / f"{kind}.json")


@cache
def monitoring_schema(kind: str) -> dict[str, Any]:
    """Give the strict schema of a kind of the Prometheus operator."""
    return _load(monitoring_folder() / f"{kind}.json")


@cache
def definitions() -> dict[str, Any]:
    """Give all strict definitions of Argo Events and Kubernetes, by their full names."""
    return _load(events_folder() / "definitions.json")


@cache
def kinds() -> dict[str, str]:
    """Give the definition's name of each `apiVersion/kind`."""
    return _load(events_folder() / "kinds.json")


@cache
def github_description() -> dict[str, Any]:
    """Give the operations and the components that they refer to."""
    return _load(github_folder() / "description.json")


@cache
def webhook_examples() -> list[dict[str, Any]]:
    """Give all example payloads: objects of `edition`, `event` and `payload`."""
    examples: list[dict[str, Any]] = json.loads((webhooks_folder() / "examples.json").read_bytes())
    return examples


def _load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


def _save(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")))


def _build_workflows(target: Path) -> None:
    crds = gomod.folder(gomod.ARGO_WORKFLOWS) / "manifests" / "base" / "crds" / "full"
    for kind, plural in _CRDS.items():
        _save_crd(crds / f"argoproj.io_{plural}.yaml", kind=kind, target=target)


def _build_monitoring(target: Path) -> None:
    crds = gomod.folder(gomod.PROMETHEUS_OPERATOR) / "example" / "prometheus-operator-crd"
    for kind, plural in _MONITORING.items():
        _save_crd(crds / f"monitoring.coreos.com_{plural}.yaml", kind=kind, target=target)


def _save_crd(crd_file: Path, *, kind: str, target: Path) -> None:
    # The loader that is written in C: Argo's files have 2.8 MB each.
    crd = yaml.load(crd_file.read_bytes(), Loader=yaml.CSafeLoader)
    version = crd["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"].pop("status", None)
    schema["properties"]["apiVersion"] = {"const": f"{crd['spec']['group']}/{version['name']}"}
    schema["properties"]["kind"] = {"const": kind}
    # A CRD leaves metadata to the API server; a validator checks it against Kubernetes' own definition.
    schema["properties"]["metadata"] = {}
    schema["required"] = sorted({*schema["required"], "apiVersion", "kind"})
    _save(target / f"{kind}.json", strict(schema))


def _build_events(target: Path) -> None:
    published = _load(gomod.folder(gomod.ARGO_EVENTS) / "api" / "jsonschema" / "schema.json")["definitions"]
    found, names = {}, {}
    for name, schema in published.items():
        # Without properties these are free-form (K8SResource holds a whole object), so they stay open.
        found[name] = strict(schema, closed="properties" in schema)
        for gvk in schema.get("x-kubernetes-group-version-kind", ()):
            prefix = f"{gvk['group']}/" if gvk["group"] else ""
            names[f"{prefix}{gvk['version']}/{gvk['kind']}"] = name
    # A quantity may be written as a number; the schema knows only how it is read back.
    found[_QUANTITY]["type"] = ["string", "number"]
    # The controller does without a URL unless it is to create the hooks itself.
    found[f"{_EVENTS}WebhookContext"]["required"].remove("url")
    for alias in ("Sensor", "EventSource", "EventBus"):
        names[f"argoproj.io/v1alpha1/{alias}"] = f"{_EVENTS}{alias}"
    _save(target / "definitions.json", found)
    _save(target / "kinds.json", names)


def _build_github(target: Path) -> None:
    for name, content in npm.members(npm.OPENAPI, scratch=target):
        if name == "generated/api.github.com.json":
            full = json.load(content)
            paths: dict[str, Any] = {}
            for path, method in OPERATIONS:
                paths.setdefault(path, {})[method] = full["paths"][path][method]
            _save(target / "description.json", {"paths": paths, "components": _components(full, paths)})


def _components(full: dict[str, Any], start: object) -> dict[str, Any]:
    """Collect the components that `start` refers to, directly or through others."""
    found: dict[str, dict[str, Any]] = {}
    waiting = [start]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting.extend(part.values())
            reference = part.get("$ref")
            if isinstance(reference, str):
                _, _, group, name = reference.split("/")
                if name not in found.setdefault(group, {}):
                    found[group][name] = full["components"][group][name]
                    waiting.append(found[group][name])
        elif isinstance(part, list):
            waiting.extend(part)
    return found


def _build_webhooks(target: Path) -> None:
    examples: dict[str, dict[str, Any]] = {}
    for name, content in npm.members(npm.WEBHOOK_EXAMPLES, scratch=target):
        edition, _, file = name.partition("/")
        if file != "index.json":
            continue
        for event in json.load(content):
            for payload in event["examples"]:
                # The editions share many payloads; the first that has one stands for all.
                key = event["name"] + json.dumps(payload, sort_keys=True)
                examples.setdefault(key, {"edition": edition, "event": event["name"], "payload": payload})
    _save(target / "examples.json", list(examples.values()))

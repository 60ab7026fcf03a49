"""The manifests for monitoring: rules, a dashboard, and PodMonitors of the Sensor and the EventSource.

They are in a kustomization of their own, `rendered/observability`: a cluster without the Prometheus operator refuses an
`apply` with a kind that it does not know. Guarantees that the rules are the same for the operator (PrometheusRule) and
for a plain Prometheus (rules.yaml). Does not scrape Argo's controller; docs/operations.md explains how.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipelines.names import APP
from pipelines.observability.alerts import alerts
from pipelines.observability.dashboard import dashboard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.settings import Settings

MONITORING_NAME = "agent-cancellation"
RULES_FILE, DASHBOARD_FILE = "rules.yaml", "dashboard.json"
_MONITORING = "monitoring.coreos.com/v1"


def prometheus_rules(settings: Settings) -> dict[str, Any]:
    """Build the rules for a plain Prometheus."""
    rules = [alert.rule(runbook=settings.observability.runbook) for alert in alerts(settings)]
    return {"groups": [{"name": MONITORING_NAME, "rules": rules}]}


def prometheus_rule(settings: Settings) -> dict[str, Any]:
    """Build the rules for the Prometheus operator."""
    metadata = _metadata(MONITORING_NAME, namespace=settings.namespaces.workflows, settings=settings)
    return {
        "apiVersion": _MONITORING,
        "kind": "PrometheusRule",
        "metadata": metadata,
        "spec": prometheus_rules(settings),
    }


def pod_monitors(settings: Settings) -> Iterator[dict[str, Any]]:
    """Build a PodMonitor for the pods of the Sensor, and one for those of the EventSource."""
    for label, name in (("sensor-name", settings.events.sensor), ("eventsource-name", settings.events.event_source)):
        yield {
            "apiVersion": _MONITORING,
            "kind": "PodMonitor",
            "metadata": _metadata(name, namespace=settings.namespaces.events, settings=settings),
            "spec": {
                "selector": {"matchLabels": {label: name}},
                "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics"}],
            },
        }


def monitoring_manifests(settings: Settings) -> Iterator[dict[str, Any]]:
    """Build every object whose kind the Prometheus operator defines."""
    yield prometheus_rule(settings)
    yield from pod_monitors(settings)


def monitoring_kustomization(settings: Settings, *, resources: list[str]) -> dict[str, Any]:
    """Build the folder's kustomization; it generates the ConfigMap that Grafana's sidecar loads the dashboard from."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "metadata": {"name": f"{MONITORING_NAME}-observability"},
        "resources": resources,
        "configMapGenerator": [
            {
                "name": f"{MONITORING_NAME}-dashboard",
                "namespace": settings.namespaces.workflows,
                "files": [f"{MONITORING_NAME}.json={DASHBOARD_FILE}"],
                "options": {
                    "disableNameSuffixHash": True,
                    "labels": APP | {"grafana_dashboard": "1"},
                },
            }
        ],
    }


def dashboard_json() -> str:
    """Render the dashboard's file, which can also be imported by hand."""
    return json.dumps(dashboard(), indent=1) + "\n"


def _metadata(name: str, *, namespace: str, settings: Settings) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "labels": APP | settings.observability.labels}

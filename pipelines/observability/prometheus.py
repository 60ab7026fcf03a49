"""What a monitoring stack gets: rules, a dashboard, and how to scrape the Sensor and the EventSource.

In a kustomization of its own, `rendered/observability`, because a cluster without the Prometheus operator refuses a
whole `apply` for a kind that it does not know. Guarantees that the rules are the same for the operator (PrometheusRule)
and for a plain Prometheus (rules.yaml). Argo's controller belongs to Argo: how to scrape it is in docs/operations.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipelines.names import APP, SENSOR
from pipelines.observability.alerts import alerts
from pipelines.observability.dashboard import dashboard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.settings import Settings

MONITORING_NAME = "agent-cancellation"
RULES_FILE, DASHBOARD_FILE = "rules.yaml", "dashboard.json"
_MONITORING = "monitoring.coreos.com/v1"


def prometheus_rules(settings: Settings) -> dict[str, Any]:
    """The rules as a plain Prometheus reads them."""
    found = [alert.rule(runbook=settings.observability.runbook) for alert in alerts(settings)]
    return {"groups": [{"name": MONITORING_NAME, "rules": found}]}


def prometheus_rule(settings: Settings) -> dict[str, Any]:
    """The same for the Prometheus operator."""
    metadata = _metadata(MONITORING_NAME, namespace=settings.namespaces.workflows, settings=settings)
    return {
        "apiVersion": _MONITORING,
        "kind": "PrometheusRule",
        "metadata": metadata,
        "spec": prometheus_rules(settings),
    }


def pod_monitors(settings: Settings) -> Iterator[dict[str, Any]]:
    """How to scrape the pods that Argo Events makes of our Sensor and EventSource."""
    for label, name in (("sensor-name", SENSOR), ("eventsource-name", settings.events.event_source)):
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
    """Every object of kinds that the Prometheus operator brings."""
    yield prometheus_rule(settings)
    yield from pod_monitors(settings)


def monitoring_kustomization(settings: Settings, *, resources: list[str]) -> dict[str, Any]:
    """The folder's kustomization, which makes the ConfigMap by which Grafana's sidecar finds the dashboard."""
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
    """The dashboard's file, to import by hand as well."""
    return json.dumps(dashboard(), indent=1) + "\n"


def _metadata(name: str, *, namespace: str, settings: Settings) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "labels": APP | settings.observability.labels}

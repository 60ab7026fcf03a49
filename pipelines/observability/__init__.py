"""Metrics that Argo exports, and the alerts and dashboard on them."""

from pipelines.observability.prometheus import (
    DASHBOARD_FILE,
    RULES_FILE,
    dashboard_json,
    monitoring_kustomization,
    monitoring_manifests,
    prometheus_rules,
)
from pipelines.observability.template_metrics import (
    MEASUREMENTS_FOLDER,
    MEASUREMENTS_VOLUME,
    measurements_volume,
    push_metrics,
    push_outputs,
    reconcile_metrics,
    reconcile_outputs,
)

__all__ = [
    "DASHBOARD_FILE",
    "MEASUREMENTS_FOLDER",
    "MEASUREMENTS_VOLUME",
    "RULES_FILE",
    "dashboard_json",
    "measurements_volume",
    "monitoring_kustomization",
    "monitoring_manifests",
    "prometheus_rules",
    "push_metrics",
    "push_outputs",
    "reconcile_metrics",
    "reconcile_outputs",
]

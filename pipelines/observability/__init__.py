"""The metrics that Argo exports, the alerts and the dashboard."""

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
    measurements_volume,
    push_metrics,
    push_outputs,
    reconcile_metrics,
    reconcile_outputs,
    report_outputs,
)

__all__ = [
    "DASHBOARD_FILE",
    "MEASUREMENTS_FOLDER",
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
    "report_outputs",
]

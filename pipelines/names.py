"""Names of the objects that are rendered; those of others are settings."""

from __future__ import annotations

from steps.cancellation import TEMPLATE
from steps.core import APP
from steps.core import TASK as TASK_LABEL

__all__ = ["APP", "DELIVERY_LABEL", "ENTRYPOINT", "FAIL", "LIMITS", "LIMITS_KEY", "ON_EXIT", "RECONCILE"]
__all__ += ["SENSOR", "SENSOR_ACCOUNT", "STEPS_ACCOUNT", "TASK_LABEL", "TEMPLATE"]

ENTRYPOINT = "cancel-and-settle"
ON_EXIT = "on-exit"
FAIL = "fail"
LIMITS = "cancel-agents-limits"
LIMITS_KEY = "concurrent"
STEPS_ACCOUNT = "cancel-agents"
SENSOR = "implementation-agent-remediation"  # the platform's own name: GitOps updates the platform's Sensor in place
SENSOR_ACCOUNT = "cancel-agents-sensor"
DELIVERY_LABEL = "agent-cancellation/delivery"
RECONCILE = "reconcile-cancellations"  # template, schedule and account

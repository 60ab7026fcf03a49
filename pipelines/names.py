"""Names of the rendered objects. Names of the platform's objects are settings."""

from __future__ import annotations

from steps.cancellation import TEMPLATE
from steps.core import APP
from steps.core import TASK as TASK_LABEL

__all__ = ["APP", "COMMAND", "DEFAULT_BUS", "DELIVERY_LABEL", "ENTRYPOINT", "FAIL", "LIMITS", "LIMITS_KEY", "ON_EXIT"]
__all__ += ["RECONCILE", "SENSOR_ACCOUNT", "STEPS_ACCOUNT", "TASK_LABEL", "TEMPLATE"]

ENTRYPOINT = "cancel"
ON_EXIT = "on-exit"
FAIL = "fail"
LIMITS = "cancel-agents-limits"
LIMITS_KEY = "concurrent"
STEPS_ACCOUNT = "cancel-agents"
SENSOR_ACCOUNT = "cancel-agents-sensor"
DELIVERY_LABEL = "agent-cancellation/delivery"
RECONCILE = "reconcile-cancellations"  # template, schedule and account
COMMAND = "agent-commands"  # template and account
DEFAULT_BUS = "default"  # the EventBus of an EventSource or a Sensor that names none

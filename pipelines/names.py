"""Names of the objects that are rendered; those of others are settings."""

from __future__ import annotations

from steps.hold import TASK

TEMPLATE = "cancel-agents"
ENTRYPOINT = "cancel-and-settle"
ON_EXIT = "on-exit"
FAIL = "fail"
LIMITS = "cancel-agents-limits"
LIMITS_KEY = "concurrent"
STEPS_ACCOUNT = "cancel-agents"
SENSOR = "implementation-agent-remediation"  # the platform's own name: GitOps updates the platform's Sensor in place
SENSOR_ACCOUNT = "cancel-agents-sensor"
APP = {"app.kubernetes.io/name": "agent-cancellation", "app.kubernetes.io/managed-by": "agent-cancellation"}
TASK_LABEL = TASK
DELIVERY_LABEL = "agent-cancellation/delivery"

"""Names of the objects that are rendered; those of others are settings."""

from __future__ import annotations

from steps import hold, workflow

TEMPLATE = workflow.TEMPLATE
ENTRYPOINT = "cancel-and-settle"
ON_EXIT = "on-exit"
FAIL = "fail"
LIMITS = "cancel-agents-limits"
LIMITS_KEY = "concurrent"
STEPS_ACCOUNT = "cancel-agents"
SENSOR = "implementation-agent-remediation"  # the platform's own name: GitOps updates the platform's Sensor in place
SENSOR_ACCOUNT = "cancel-agents-sensor"
APP = workflow.APP
TASK_LABEL = hold.TASK
DELIVERY_LABEL = "agent-cancellation/delivery"
RECONCILE = "reconcile-cancellations"  # template, schedule and account

"""Correct manifests of each kind, and how a test makes one wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable


Manifest = dict[str, Any]

TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: cancel, namespace: flows, labels: {app: cancel}}
spec:
  entrypoint: run
  onExit: report
  serviceAccountName: steps
  activeDeadlineSeconds: 300
  synchronization: {mutexes: [{name: "cancel/{{workflow.parameters.task-id}}"}]}
  arguments: {parameters: [{name: task-id}, {name: dry-run, value: "false"}]}
  templates:
    - name: run
      synchronization: {semaphores: [{configMapKeyRef: {name: limits, key: cancel}}]}
      containerSet:
        containers:
          - {name: cancel, image: "steps:1"}
          - name: main
            image: "steps:1"
            dependencies: [cancel]
            env: [{name: TASK, value: "{{workflow.parameters.task-id}}"}]
    - name: report
      container: {image: "steps:1", command: [python], resources: {requests: {cpu: 100m, memory: 128Mi}}}
"""

CRON = """
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: reconcile, namespace: flows}
spec:
  schedules: ["* * * * *"]
  concurrencyPolicy: Forbid
  workflowSpec:
    workflowTemplateRef: {name: cancel}
    arguments: {parameters: [{name: task-id, value: "5"}]}
"""

SENSOR = """
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: pushes, namespace: flows}
spec:
  template: {serviceAccountName: sensor}
  dependencies:
    - name: push
      eventSourceName: github
      eventName: org
      filters:
        data:
          - {path: body.sender.login, type: string, value: ['^bot\\[bot\\]$']}
          - {path: body.deleted, type: bool, value: ["false"]}
  triggers:
    - atLeastOnce: true
      retryStrategy: {steps: 5, duration: 2s, factor: 2}
      template:
        name: cancel
        k8s:
          operation: create
          source:
            resource:
              apiVersion: argoproj.io/v1alpha1
              kind: Workflow
              metadata: {name: cancel-}
              spec:
                workflowTemplateRef: {name: cancel}
                arguments: {parameters: [{name: task-id, value: ""}]}
          parameters:
            - {src: {dependencyName: push, dataKey: body.X-GitHub-Delivery}, dest: metadata.name, operation: append}
            - src: {dependencyName: push, dataKey: body.ref}
              dest: 'spec.arguments.parameters.#(name=="task-id").value'
"""

RULE = """
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: rules, namespace: flows}
spec: {groups: [{name: all, rules: [{alert: Slow, expr: "up == 0", for: 5m, labels: {severity: warning}}]}]}
"""

MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: pods, namespace: flows}
spec: {selector: {matchLabels: {app: x}}, podMetricsEndpoints: [{port: metrics}]}
"""

EVENT_SOURCE = """
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: github, namespace: flows}
spec:
  github:
    org:
      organizations: [5dlabs]
      events: [push]
      webhookSecret: {name: webhook, key: secret}
      webhook: {endpoint: /github, port: "12000", method: POST}
"""

OTHERS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: limits, namespace: flows}
data: {cancel: "10"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: steps, namespace: flows}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sensor, namespace: flows}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: steps, namespace: flows}
rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: steps, namespace: flows}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: steps}
subjects: [{kind: ServiceAccount, name: steps, namespace: flows}]
"""


def correct_manifests() -> dict[str, Manifest]:
    texts = [TEMPLATE, CRON, SENSOR, EVENT_SOURCE, RULE, MONITOR, *OTHERS.split("---")]
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in map(yaml.safe_load, texts)}


def put(path: str, value: object) -> Callable[[Manifest], None]:
    """Make a change: set what is at a path of keys and indexes; `...` removes it."""

    def change(manifest: Manifest) -> None:
        *inner, last = [int(key) if key.isdigit() else key for key in path.split("/")]
        target: Any = manifest
        for key in inner:
            target = target[key]
        if value is ...:
            del target[last]
        else:
            target[last] = value

    return change


TRIGGER = "spec/triggers/0"
K8S = f"{TRIGGER}/template/k8s"
RUN = "spec/templates/0"

"""The step of a push that another push's pod processes.

Guarantees that the record, the log lines, the audit and the Events of the helped push name its own Workflow and the
helper, and that its repository's policy applies. It shares the helper's clients, circuit breakers and holder.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from steps.telemetry import Measurements

if TYPE_CHECKING:
    from steps.cancellation import WaitingWorkflow
    from steps.runtime import StepContext


def helped_context(workflow: WaitingWorkflow, *, helper: StepContext) -> StepContext:
    """Return the step of a helped push.

    Args:
        workflow: The push's own Workflow, which waits for a pod.
        helper: The step of the pod's own push.
    """
    push = workflow.push
    fields = {
        "workflow": workflow.name,
        "helper": helper.workflow,
        "correlation_id": push.correlation_id,
        "repository": str(push.repository),
        "task": str(push.task),
    }
    audit = helper.clients.kube.audit.bind(**fields, requested_by=push.requested_by, reason=push.reason)
    clients = replace(
        helper.clients, kube=helper.clients.kube.with_audit(audit), github=partial(helper.clients.github, audit=audit)
    )
    return replace(
        helper,
        push=push,
        settings=helper.general.for_repository(push.repository),
        workflow=workflow.name,
        helper=helper.workflow,
        created_at=workflow.created_at,
        holder=replace(helper.holder, workflow_uid=workflow.uid),
        clients=clients,
        log=helper.log.bind(**fields),
        measurements=Measurements(),
    )

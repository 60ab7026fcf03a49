"""Reads the Leases and Workflows that the status of tasks is made of.

Guarantees that it only lists, and that Workflows that have ended are read only if they were superseded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.client.task_status import task_statuses
from steps.cancellation import SUPERSEDED_BY, WORKFLOW_COMPLETED_LABEL
from steps.core import PREFIX, TASK
from steps.kube import LEASES, WORKFLOWS
from steps.observed_state import read_task_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pipelines.client.task_status import TaskStatus
    from pipelines.settings import Settings
    from steps.domain import TaskId
    from steps.kube import Kube


def read_task_statuses(
    settings: Settings, *, kube: Kube, now: datetime, tasks: Sequence[TaskId] = ()
) -> list[TaskStatus]:
    """Read the status of every task, or of those with one of these ids.

    Raises:
        StepError: The API server refuses or does not answer.
    """
    home, of_tasks = settings.namespaces.workflows, f"{TASK} in ({','.join(tasks)})" if tasks else TASK
    ours = f"app.kubernetes.io/managed-by={PREFIX}"
    task_states = kube.list(LEASES, namespace=home, labels=f"{ours},{of_tasks}" if tasks else ours)
    # Whole Workflows, because only their parameters name the repository; so those that have ended are left out.
    workflows = {
        each["metadata"]["uid"]: each
        for which in (f"{WORKFLOW_COMPLETED_LABEL}!=true", SUPERSEDED_BY)
        for each in kube.list(WORKFLOWS, namespace=home, labels=f"{of_tasks},{which}")
    }
    states = [read_task_state(body) for body in task_states]
    return list(task_statuses(states, workflows.values(), now=now, duration_s=settings.lease.duration_s))

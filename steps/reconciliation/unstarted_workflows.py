"""Finds Workflows that nobody works for, although they have been there for long. Pure functions.

Guarantees that a Workflow that waits for one at work is not found. Argo's phase does not decide this: a Workflow that
waits for the semaphore, for a node or for its image is running to Argo. Not guaranteed: that the cause is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.core import repository_label
from steps.reconciliation.finding import UnstartedWorkflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from steps.observed_state import TaskWorkflow
    from steps.reconciliation.task_index import Key, TaskIndex


def oldest_workflows(index: TaskIndex) -> Iterable[TaskWorkflow]:
    """Find the oldest Workflow of each task, of those that have been there for long."""
    before = index.ago(index.settings.reconcile.unstarted_after_s)
    old = [each for each in index.snapshot.workflows if each.created_at and each.created_at <= before]
    oldest: dict[Key, TaskWorkflow] = {}
    for workflow in sorted(old, key=lambda each: (each.created_at, each.name)):
        oldest.setdefault((workflow.repository_label, workflow.task), workflow)
    return oldest.values()


def unstarted_findings(workflow: TaskWorkflow, *, index: TaskIndex) -> Iterator[UnstartedWorkflow]:
    """Return the finding for an old Workflow if nobody works on its task.

    The holder of a Lease renews it every few seconds. So a Lease that was not written for as long shows that no
    Workflow of the task has begun, whatever Argo's phase says.

    Args:
        workflow: The oldest Workflow of its task.
        index: The snapshot by task.
    """
    seconds = index.settings.reconcile.unstarted_after_s
    leases = [
        each
        for each in index.task_states.get(workflow.task, ())
        if "" in (workflow.repository_label, each.repository)
        or workflow.repository_label == repository_label(each.repository)
    ]
    if all(not index.is_held(each) and index.is_silent(each, seconds) for each in leases):
        yield UnstartedWorkflow(
            workflow=workflow,
            task_state=leases[0] if len(leases) == 1 else None,
            detail=f"{workflow.problem}, created at {workflow.created_at}",
        )

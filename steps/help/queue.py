"""The pushes that wait for a pod, in the order in which they are helped.

Guarantees that a task's newest push comes first, that the task that has waited longest comes first, and that a task
whose Lease is held is left out. Reads the list in small pages: a Workflow is large, and hundreds may wait.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from steps.cancellation import WORKFLOW_COMPLETED_LABEL, WaitingWorkflow, newest_waiting, read_waiting_workflow
from steps.core import TASK
from steps.kube import LEASES, WORKFLOWS
from steps.lease import LeaseSnapshot, read_snapshot

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from steps.runtime import StepContext

_PAGE, _TASKS = 25, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpablePush:
    """A push that waits, and its task's Lease, which is free.

    Attributes:
        lease: The Lease as it was read; None if it does not exist.
    """

    workflow: WaitingWorkflow
    lease: LeaseSnapshot | None


def helpable_pushes(context: StepContext, *, seen: Collection[str], limit: int) -> list[HelpablePush]:
    """List the pushes that can be helped, in order.

    Args:
        context: The step of the pod's own push.
        seen: Uids of Workflows to leave out.
        limit: The most pushes to return.

    Raises:
        StepError: The API server could not be read.
    """
    found = context.clients.kube.list(
        WORKFLOWS,
        namespace=context.settings.namespaces.workflows,
        labels=f"{TASK},{WORKFLOW_COMPLETED_LABEL}!=true",
        page=_PAGE,
    )
    workflows = (read_waiting_workflow(each, settings=context.settings) for each in found)
    general = context.general
    counted = (
        each for each in workflows if each and not general.ignores(each.push.reason, repository=each.push.repository)
    )
    others = (each for each in counted if each.name != context.workflow and each.uid not in seen)
    return list(islice(_free_pushes(list(in_order(others)), context=context), limit))


def _free_pushes(waiting: Sequence[WaitingWorkflow], *, context: StepContext) -> Iterator[HelpablePush]:
    """Yield the pushes whose task's Lease is free. Reads the Leases of at most `_TASKS` tasks in one request."""
    for first in range(0, len(waiting), _TASKS):
        some = waiting[first : first + _TASKS]
        leases = _leases({str(each.push.task) for each in some}, context=context)
        for workflow in some:
            lease = leases.get(workflow.lease)
            if lease is None or not lease.holder:
                yield HelpablePush(workflow=workflow, lease=lease)


def _leases(tasks: Collection[str], *, context: StepContext) -> dict[str, LeaseSnapshot]:
    """Read the Leases of tasks, by name."""
    found = context.clients.kube.list(
        LEASES,
        namespace=context.settings.namespaces.workflows,
        labels=f"{TASK} in ({','.join(sorted(tasks))})",
        page=_PAGE,
    )
    return {each["metadata"]["name"]: read_snapshot(each) for each in found}


def in_order(workflows: Iterable[WaitingWorkflow]) -> Iterator[WaitingWorkflow]:
    """Order Workflows for help: for each branch of a task its newest push; the task that waits longest comes first.

    Older pushes of the same branch are left out. The newest supersedes them.
    """
    branches: dict[tuple[str, str], list[WaitingWorkflow]] = defaultdict(list)
    for workflow in workflows:
        branches[workflow.lease, workflow.push.ref].append(workflow)
    for waiting in sorted(branches.values(), key=lambda each: min(workflow.created_at for workflow in each)):
        yield newest_waiting(waiting)

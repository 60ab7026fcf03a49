"""Ends waiting Workflows of the task whose pushes are superseded, and finds the one whose push is the head.

Guarantees that a waiting Workflow is ended only if its own steps would find it superseded: it belongs to the same
repository and task, has not started, is neither a dry run nor a person's request, and the task's *finished* record
supersedes its push. So a crash loses nothing. Each end is a compare-and-swap, so a Workflow that has started meanwhile
continues. A Workflow is ended only after Argo has recorded what it waits for. Otherwise Argo would keep its place in
the mutex's queue, and block those behind it. Not guaranteed: that all of them are ended. The others start a pod and
find that they are superseded. If a waiting push is the pull request's head, the holder of the Lease works for it at
once (docs/decisions/0006).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.cancellation.waiting_workflow import WaitingWorkflow, newest_waiting, read_waiting_workflow
from steps.cancellation.workflow import SUPERSEDED_BY, WORKFLOW_PHASE_LABEL
from steps.core import TASK, ConflictError, NotFoundError, StepError, poll_pauses
from steps.domain import Superseded, decide_claim, is_newer, is_order_doubtful
from steps.kube import WORKFLOWS
from steps.lease import lease_name
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from steps.domain import Record
    from steps.kube import Json
    from steps.runtime import StepContext

# A Workflow in one of these phases has started and may hold a lock, so it is never touched. A waiting Workflow is
# Pending, or has no such label yet: under load, Argo needs seconds to process a new one.
_NOT_STARTED = f"{WORKFLOW_PHASE_LABEL} notin (Running,Succeeded,Failed,Error)"
# Argo processes a changed Workflow ten seconds later (DEFAULT_REQUEUE_TIME), and then records what it waits for.
_RECORDED_WITHIN_S = 12.0
_LONGEST_PAUSE_S = 2.0


def waiting_head_push(sha: str, *, ref: str, context: StepContext) -> WaitingWorkflow | None:
    """Return the waiting Workflow of the push that made this commit the head; None if there is none.

    It never fails. If the list cannot be read, the waiting Workflow does its own work a little later.

    Args:
        sha: SHA of the pull request's head.
        ref: Ref of its branch.
        context: The step.
    """
    try:
        # The time of a request is not that of a push: its own pod asks GitHub.
        pushes = (each for each in _waiting_workflows(context) if not each.push.is_request)
        found = [each for each in pushes if each.push.sha == sha and each.push.ref == ref]
    except StepError as error:
        context.log.warning("waiting workflows could not be listed", error=type(error).__name__, problem=str(error))
        return None
    if not found:
        return None
    newest = newest_waiting(found).push
    # If the push came twice, the lower watermark reaches fewer runs. An earlier push of the commit reaches too few.
    waiting = min((each for each in found if not is_newer(newest, than=each.push)), key=lambda each: each.watermark)
    context.log.info("working for a waiting push: it is the head", sha=sha, waits=waiting.name)
    return waiting


def terminate_superseded(record: Record, *, context: StepContext) -> list[str]:
    """End the waiting Workflows whose pushes are superseded by the record.

    It never fails, because the cancellation itself is already finished. It waits a few seconds for Argo to record what
    a superseded Workflow waits for, unless another push of the task waits for this pod's Workflow.

    Args:
        record: The task's record, as last written.
        context: The step.

    Returns:
        Names of the ended Workflows.
    """
    if not record.finished:
        return []
    ended: list[str] = []
    try:
        for done in _rounds(record, context=context):
            ended += done
    except StepError as error:
        context.log.warning("waiting workflows could not be ended", error=type(error).__name__, problem=str(error))
    if ended:
        context.log.info("superseded waiting workflows ended", workflows=ended, by=record.push.sha)
    return ended


def _rounds(record: Record, *, context: StepContext) -> Iterator[list[str]]:
    """Yield the names of the Workflows that each round ended, until there is nothing left to end or to wait for."""
    deadline, pauses = context.clock.monotonic() + _RECORDED_WITHIN_S, poll_pauses(_LONGEST_PAUSE_S)
    while True:
        waiting = list(_waiting_workflows(context))
        superseded = [each for each in waiting if _is_superseded(record, each)]
        ended = [each.name for each in superseded if each.wait_recorded and _patch(each, end=True, context=context)]
        yield ended
        others_wait = len(superseded) < len(waiting) or record.push.ref != context.push.ref
        # Argo records the wait only while another Workflow holds the mutex. A helper's Workflow holds another one.
        in_vain = others_wait or context.helper or context.clock.monotonic() >= deadline
        if in_vain or len(ended) == len(superseded):
            return
        for each in superseded:
            if not each.wait_recorded and each.superseded_by != context.workflow:
                _patch(each, end=False, context=context)
        context.clock.sleep(next(pauses))


def _is_superseded(record: Record, waiting: WaitingWorkflow) -> bool:
    """Whether the steps of a waiting Workflow would find it superseded.

    A request has the time of a laptop, and does not name the commit that its push replaced. Only its own steps know its
    push: the recorded push of the same commit can be an earlier one, or have the time of an earlier one. If the commits
    and the times contradict each other, its own steps ask GitHub.
    """
    known = record.latest_push(waiting.push.ref)
    doubtful = known is not None and is_order_doubtful(waiting.push, known=known.push, older=known.older)
    if waiting.push.is_request or doubtful:
        return False
    return isinstance(decide_claim(record, push=waiting.push, watermark=waiting.watermark), Superseded)


def _waiting_workflows(context: StepContext) -> Iterator[WaitingWorkflow]:
    """List the Workflows that wait for the task's lock."""
    home = context.settings.namespaces.workflows
    own_lease = lease_name(repository=context.push.repository, task=context.push.task)
    labels = f"{TASK}={context.push.task},{_NOT_STARTED}"
    for found in context.clients.kube.list(WORKFLOWS, namespace=home, labels=labels):
        waiting = read_waiting_workflow(found, settings=context.settings)
        if waiting and waiting.name != context.workflow and waiting.lease == own_lease:
            yield waiting


def _patch(waiting: WaitingWorkflow, *, end: bool, context: StepContext) -> bool:
    """Label a Workflow, and end it if `end`. Argo processes it because it has changed.

    Return False if it has changed before: it may have started, or Argo has just written its status.
    """
    metadata = {"resourceVersion": waiting.version, "labels": {SUPERSEDED_BY: context.workflow}}
    patch: Json = {"metadata": metadata} | ({"spec": {"shutdown": "Terminate"}} if end else {})
    home = context.settings.namespaces.workflows
    try:
        reason = WriteReason(cause=WriteCause.ANSWERED, detail=f"by {context.workflow}")
        context.clients.kube.merge(WORKFLOWS, namespace=home, name=waiting.name, body=patch, reason=reason)
    except (ConflictError, NotFoundError):
        return False
    return True

"""Workflows that wait for the task's lock, and would find nothing left to do.

Guarantees that a waiting Workflow is ended only if its own steps would have called it superseded: it is of the same
repository and task, has not begun, is no dry run, and the task's *finished* record already answers its push. Since that
takes nothing away that is still to be done, a crash in between loses nothing. Each end is a compare-and-swap, so one
that has begun meanwhile goes on. Does not guarantee that all are ended: those left find out for themselves, at the
price of a pod each. One of them may be the push of the pull request's head: whoever works on an older one works for it
at once (docs/decisions/0006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.cancellation.claim import first_watermark
from steps.core import PREFIX, TASK, BadInputError, ConflictError, NotFoundError, StepError, parse_time
from steps.domain import PARAMETERS, Superseded, check_push_time, decide_claim, push_from_env
from steps.kube import WORKFLOWS
from steps.lease import lease_name
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from steps.domain import Push, Record
    from steps.kube import Json
    from steps.runtime import StepContext

SUPERSEDED_BY = f"{PREFIX}/superseded-by"
# Argo's own label. A Workflow in one of these phases has begun, may hold a lock, and is never touched. One that waits
# is Pending, or has no such label yet: under load Argo takes seconds to look at a new one.
_NOT_BEGUN = "workflows.argoproj.io/phase notin (Running,Succeeded,Failed,Error)"
_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingWorkflow:
    """A Workflow that waits for the task's lock.

    Attributes:
        version: Its resourceVersion.
        created_at: Its creationTimestamp.
        watermark: The watermark that its own steps would begin with.
    """

    name: str
    version: str
    push: Push
    created_at: datetime
    watermark: datetime


def waiting_head_push(sha: str, *, ref: str, context: StepContext) -> WaitingWorkflow | None:
    """The waiting Workflow of the push that made this commit the head, if there is one.

    Never fails: without it, that Workflow does its own work a little later.

    Args:
        sha: The pull request's head.
        ref: Its branch.
        context: The step.
    """
    try:
        found = [each for each in _waiters(context) if each.push.sha == sha and each.push.ref == ref]
    except StepError as error:
        context.log.warning("waiting workflows could not be listed", error=type(error).__name__, problem=str(error))
        return None
    if not found:
        return None
    # Of a push that came twice, the one that reaches fewer runs.
    waiting = min(found, key=lambda each: each.watermark)
    context.log.info("working for a push that waits: it is the head", sha=sha, waits=waiting.name)
    return waiting


def terminate_superseded(record: Record, *, context: StepContext) -> list[str]:
    """End the waiting Workflows whose pushes the record answers.

    Never fails: the cancellation itself is finished by now.

    Args:
        record: The task's record, as it was written last.
        context: The step.

    Returns:
        Names of those that were ended.
    """
    if not record.finished:
        return []
    ended: list[str] = []
    try:
        for _ in range(_ROUNDS):
            answered = [each for each in _waiters(context) if _answers(record, each)]
            done = [each.name for each in answered if _end(each, context=context)]
            ended += done
            if len(done) == len(answered):
                break
    except StepError as error:
        context.log.warning("waiting workflows were left to themselves", error=type(error).__name__, problem=str(error))
    if ended:
        context.log.info("ended waiting workflows: superseded", workflows=ended, by=record.push.sha)
    return ended


def _answers(record: Record, waiting: WaitingWorkflow) -> bool:
    """Whether a waiting Workflow's own steps would find it superseded."""
    return isinstance(decide_claim(record, push=waiting.push, watermark=waiting.watermark), Superseded)


def _waiters(context: StepContext) -> Iterator[WaitingWorkflow]:
    """The Workflows that wait for the lock of the step's task, but for dry runs, whose answers somebody waits for."""
    home, settings = context.settings.namespaces.workflows, context.settings.push
    mine = lease_name(repository=context.push.repository, task=context.push.task)
    for found in context.clients.kube.list(
        WORKFLOWS, namespace=home, labels=f"{TASK}={context.push.task},{_NOT_BEGUN}"
    ):
        metadata = found["metadata"]
        created_at = parse_time(metadata["creationTimestamp"])
        try:
            push = _push(found, context=context)
            check_push_time(push, created_at=created_at, settings=settings)
        except BadInputError:
            continue  # its own step says what is wrong with it
        told = bool(found["spec"].get("shutdown"))
        if metadata["name"] == context.workflow or told or push.dry_run:
            continue
        if lease_name(repository=push.repository, task=push.task) == mine:
            yield WaitingWorkflow(
                name=metadata["name"],
                version=metadata["resourceVersion"],
                push=push,
                created_at=created_at,
                watermark=first_watermark(push, created_at=created_at, settings=settings),
            )


def _push(workflow: Json, *, context: StepContext) -> Push:
    given = (workflow["spec"].get("arguments") or {}).get("parameters") or ()
    values = {each["name"]: str(each.get("value", "")) for each in given}
    env = {known.env: values[known.name] for known in PARAMETERS if known.name in values}
    return push_from_env(env, settings=context.settings.push)


def _end(waiting: WaitingWorkflow, *, context: StepContext) -> bool:
    """End one; False if it was left alone after all: it may have begun, or Argo has just written its position."""
    patch = {
        "metadata": {"resourceVersion": waiting.version, "labels": {SUPERSEDED_BY: context.workflow}},
        "spec": {"shutdown": "Terminate"},
    }
    home = context.settings.namespaces.workflows
    try:
        reason = WriteReason(cause=WriteCause.ANSWERED, detail=f"by {context.workflow}")
        context.clients.kube.merge(WORKFLOWS, namespace=home, name=waiting.name, body=patch, reason=reason)
    except (ConflictError, NotFoundError):
        return False
    return True

"""Workflows that wait for the task's lock, and would find nothing left to do.

Guarantees that a waiting Workflow is ended only if its own steps would have called it superseded: it is of the same
repository and task, has not begun, is no dry run, and the task's *finished* record already answers its push. Since that
takes nothing away that is still to be done, a crash in between loses nothing. Each end is a compare-and-swap, so one
that has begun meanwhile goes on. Does not guarantee that all are ended: those left find out for themselves, at the
price of a pod each (docs/decisions/0006).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from steps.clock import parse_stamp
from steps.decisions import Superseded, decide_claim, watermark
from steps.errors import BadInputError, ConflictError, NotFoundError, StepError
from steps.hold import PREFIX, TASK
from steps.kube import WORKFLOWS
from steps.lease import lease_name
from steps.push import PARAMETERS, from_env

if TYPE_CHECKING:
    from steps.context import Context
    from steps.kube import Json
    from steps.push import Push
    from steps.record import Record

SUPERSEDED_BY = f"{PREFIX}/superseded-by"
# Argo's own label. A Workflow in one of these phases has begun, may hold a lock, and is never touched. One that waits
# is Pending, or has no such label yet: under load Argo takes seconds to look at a new one.
_NOT_BEGUN = "workflows.argoproj.io/phase notin (Running,Succeeded,Failed,Error)"
_ROUNDS = 3


def end_superseded(record: Record, *, context: Context) -> list[str]:
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
    home = context.settings.namespaces.workflows
    ended: list[str] = []
    try:
        for _ in range(_ROUNDS):
            found = context.kube.list(WORKFLOWS, namespace=home, labels=f"{TASK}={context.push.task},{_NOT_BEGUN}")
            answered = [each for each in found if _answered(each, record=record, context=context)]
            done = [each["metadata"]["name"] for each in answered if _end(each, context=context)]
            ended += done
            if len(done) == len(answered):
                break
    except StepError as error:
        context.log.warning("waiting workflows were left to themselves", error=type(error).__name__, problem=str(error))
    if ended:
        context.log.info("ended waiting workflows: superseded", workflows=ended, by=record.push.sha)
    return ended


def _answered(workflow: Json, *, record: Record, context: Context) -> bool:
    """Whether a waiting Workflow's own steps would find it superseded."""
    try:
        push = _push(workflow, context=context)
    except BadInputError:
        return False  # its own step says what is wrong with it
    mine = lease_name(repository=record.push.repository, task=record.push.task)
    own = workflow["metadata"]["name"] == context.workflow
    told = bool(workflow["spec"].get("shutdown"))
    if own or told or push.dry_run or lease_name(repository=push.repository, task=push.task) != mine:
        return False
    mark = watermark(
        created_at=parse_stamp(workflow["metadata"]["creationTimestamp"]),
        pushed_at=push.pushed_at,
        tolerance_s=context.settings.push.tolerance_s,
    )
    return isinstance(decide_claim(record, push=push, mark=mark), Superseded)


def _push(workflow: Json, *, context: Context) -> Push:
    given = (workflow["spec"].get("arguments") or {}).get("parameters") or ()
    values = {each["name"]: str(each.get("value", "")) for each in given}
    env = {known.env: values[known.name] for known in PARAMETERS if known.name in values}
    return from_env(env, rules=context.settings.push)


def _end(workflow: Json, *, context: Context) -> bool:
    """End one; False if it was left alone after all: it may have begun, or Argo has just written its position."""
    metadata = workflow["metadata"]
    patch = {
        "metadata": {"resourceVersion": metadata["resourceVersion"], "labels": {SUPERSEDED_BY: context.workflow}},
        "spec": {"shutdown": "Terminate"},
    }
    home = context.settings.namespaces.workflows
    try:
        context.kube.merge(WORKFLOWS, namespace=home, name=metadata["name"], body=patch)
    except (ConflictError, NotFoundError):
        return False
    return True

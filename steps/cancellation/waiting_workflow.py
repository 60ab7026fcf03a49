"""A Workflow of the template that is not finished, with its push.

Guarantees that a Workflow is returned only if its own step would process it: its parameters and its time are valid, it
is not a dry run, and nobody has suspended or stopped it. A malformed Workflow raises no error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cmp_to_key
from typing import TYPE_CHECKING

from steps.cancellation.claim import first_watermark
from steps.cancellation.workflow import SUPERSEDED_BY, TEMPLATE, workflow_parameters
from steps.core import BadInputError, parse_time
from steps.domain import PARAMETERS, check_push_time, is_newer, push_from_env
from steps.lease import lease_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from steps.domain import Push
    from steps.kube import Json
    from steps.settings import StepSettings, TaskPattern


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingWorkflow:
    """A Workflow that is not finished.

    Attributes:
        version: Its resourceVersion.
        created_at: Its creationTimestamp.
        watermark: The watermark that its own step would start with.
        wait_recorded: Whether its status says that it waits for the task's mutex. If a Workflow ends without that, Argo
            keeps its place in the mutex's queue until it is deleted (seen with Argo 4.1.4).
        superseded_by: The Workflow whose push supersedes this one's, as labelled; empty if there is none.
    """

    name: str
    uid: str
    version: str
    push: Push
    created_at: datetime
    watermark: datetime
    wait_recorded: bool
    superseded_by: str

    @property
    def lease(self) -> str:
        """Name of its task's Lease."""
        return lease_name(repository=self.push.repository, task=self.push.task)


def newest_waiting(workflows: Iterable[WaitingWorkflow]) -> WaitingWorkflow:
    """Return the Workflow with the newest push; the first of several. There must be one."""
    return max(workflows, key=cmp_to_key(_compared))


def _compared(one: WaitingWorkflow, other: WaitingWorkflow) -> int:
    return int(is_newer(one.push, than=other.push)) - int(is_newer(other.push, than=one.push))


def read_waiting_workflow(found: Json, *, settings: StepSettings) -> WaitingWorkflow | None:
    """Read a Workflow; return None if its own step would not process it.

    A dry run is left out: a person needs its output. So is a Workflow of any other shape: the API server checks hardly
    any field of a Workflow, so a person may have made one that Argo refuses.

    Args:
        found: The Workflow, from the API server.
        settings: The branches that are tasks, and the tolerance between clocks.
    """
    try:
        return _read(found, settings=settings)
    except BadInputError:
        return None  # its own step reports the error
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # Argo reports the error


def _read(found: Json, *, settings: StepSettings) -> WaitingWorkflow | None:
    metadata, spec = found["metadata"], found["spec"]
    if spec.get("shutdown") or spec.get("suspend"):
        return None
    if (spec.get("workflowTemplateRef") or {}).get("name") != TEMPLATE:
        return None
    created_at = parse_time(metadata["creationTimestamp"])
    push = _push(found, tasks=settings.tasks)
    check_push_time(push, created_at=created_at, settings=settings.push)
    if push.dry_run:
        return None
    return WaitingWorkflow(
        name=metadata["name"],
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        push=push,
        created_at=created_at,
        watermark=first_watermark(push, created_at=created_at, settings=settings.push),
        wait_recorded=bool(_mutex_status(found).get("waiting")),
        superseded_by=(metadata.get("labels") or {}).get(SUPERSEDED_BY, ""),
    )


def _mutex_status(workflow: Json) -> Json:
    found: Json = ((workflow.get("status") or {}).get("synchronization") or {}).get("mutex") or {}
    return found


def _push(workflow: Json, *, tasks: Sequence[TaskPattern]) -> Push:
    values = workflow_parameters(workflow)
    env = {known.env: values[known.name] for known in PARAMETERS if known.name in values}
    return push_from_env(env, tasks=tasks)

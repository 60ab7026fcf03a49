"""A Workflow of a push, as the API server has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from steps.domain.push import ZERO_SHA, Push, Repository, Sha
from steps.domain.task_id import TaskId
from steps.kube.transport import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A Workflow that the Sensor created; it waits until it is played."""

    name: str
    uid: str
    push: Push
    created_at: datetime


def parameters(push: Push) -> dict[str, str]:
    """A push as the parameters of the WorkflowTemplate."""
    return {
        "repository": push.repository,
        "task-id": push.task,
        "ref": push.ref,
        "before": push.before,
        "sha": push.sha,
        "pushed-at": str(int(push.pushed_at.timestamp())),
        "correlation-id": push.correlation_id,
        "reason": push.reason,
        "dry-run": str(push.dry_run).lower(),
        "requested-by": push.requested_by,
    }


def submitted(found: Json) -> Workflow:
    """A Workflow as the API server has it."""
    values = {each["name"]: each["value"] for each in found["spec"]["arguments"]["parameters"]}
    push = Push(
        repository=Repository(values["repository"]),
        task=TaskId(values["task-id"]),
        ref=values["ref"],
        before=Sha(values.get("before", ZERO_SHA)),
        sha=Sha(values["sha"]),
        pushed_at=datetime.fromtimestamp(int(values["pushed-at"]), UTC),
        correlation_id=values["correlation-id"],
        reason=values["reason"],
        dry_run=values["dry-run"] == "true",
        requested_by=values["requested-by"],
    )
    metadata = found["metadata"]
    created_at = datetime.fromisoformat(metadata["creationTimestamp"])
    return Workflow(name=metadata["name"], uid=metadata["uid"], push=push, created_at=created_at)

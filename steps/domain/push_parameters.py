"""The parameters of the push that a Workflow was created for.

Guarantees that each value matches its pattern, and that they agree with each other. The Sensor filters by the same
patterns, but a person can also create a Workflow by hand.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from steps.core import BadInputError
from steps.domain.parameters import Parameter, read_parameters, shown
from steps.domain.push import CLOSED_REASON, DELETED_REASON, RECONCILE_REASON, ZERO_SHA, Push, Repository, Sha
from steps.domain.task_id import ID_PATTERN, TaskId, match_task
from steps.settings import REPOSITORY_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from steps.settings import PushSettings, TaskPattern

_ENDS = (CLOSED_REASON, DELETED_REASON, RECONCILE_REASON)

PARAMETERS = (
    Parameter(
        name="repository",
        pattern=REPOSITORY_PATTERN,
        expects="owner/name",
    ),
    Parameter(name="task-id", pattern=ID_PATTERN, expects="the task's id: lower-case letters, digits, inner dashes"),
    # What git allows in a branch, but for characters that mean something to a shell, to Argo or to Markdown.
    Parameter(
        name="ref",
        pattern=r"refs/heads/[A-Za-z0-9._/@#+=,%-]{1,244}",
        expects="refs/heads/ and the branch: at most 244 letters, digits and ._/@#+=,%-",
    ),
    Parameter(
        name="before",
        pattern=r"[0-9a-f]{40}",
        expects="the commit that the ref pointed at before the push; zeros if that is not known",
        default=ZERO_SHA,
    ),
    Parameter(
        name="sha",
        pattern=r"[0-9a-f]{40}",
        expects="40 lower-case hexadecimal digits; zeros if the branch or its pull request has ended",
    ),
    Parameter(name="pushed-at", pattern=r"[1-9][0-9]{9}", expects="the time of the push in Unix seconds"),
    Parameter(name="correlation-id", pattern=r"[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?", expects="the delivery's id"),
    Parameter(name="reason", pattern=r"[a-z][a-z0-9-]{0,49}", expects="one word, such as push", default="push"),
    Parameter(name="dry-run", pattern=r"true|false", expects="true or false", default="false"),
    Parameter(
        name="requested-by",
        pattern=r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}(?:\[bot\])?",
        expects="a login",
        default="unknown",
    ),
)


def push_from_env(env: Mapping[str, str], *, tasks: Sequence[TaskPattern]) -> Push:
    """Read and check the parameters.

    Args:
        env: The container's environment.
        tasks: Which branches are tasks.

    Raises:
        BadInputError: A parameter is missing or malformed. The message names each one and the expected value.
    """
    values = read_parameters(env, PARAMETERS)
    _check_names(values)
    _check_task(values, tasks=tasks)
    return Push(
        repository=Repository(values["repository"]),
        task=TaskId(values["task-id"]),
        ref=values["ref"],
        before=Sha(values["before"]),
        sha=Sha(values["sha"]),
        pushed_at=datetime.fromtimestamp(int(values["pushed-at"]), UTC),
        correlation_id=values["correlation-id"],
        reason=values["reason"],
        dry_run=values["dry-run"] == "true",
        requested_by=values["requested-by"],
    )


def _check_names(values: Mapping[str, str]) -> None:
    """Check the rules that a pattern without look-ahead cannot express."""
    if ".." in values["ref"] or "//" in values["ref"]:
        raise BadInputError(f"parameters: ref is {shown(values['ref'])}: no branch contains '..' or '//'")
    if values["sha"] == ZERO_SHA and values["before"] == ZERO_SHA:
        raise BadInputError("parameters: sha and before are all zeros: give the last commit of the branch as before")
    if values["sha"] == ZERO_SHA and values["reason"] not in _ENDS:
        raise BadInputError(f"parameters: sha is all zeros: give the commit, or one of {', '.join(_ENDS)} as reason")


def _check_task(values: Mapping[str, str], *, tasks: Sequence[TaskPattern]) -> None:
    match = match_task(values["ref"], patterns=tasks)
    if match is None:
        raise BadInputError(f"parameters: ref is {shown(values['ref'])}: no pattern of the settings (tasks) matches")
    if match.problem:
        raise BadInputError(f"parameters: ref is {shown(values['ref'])}: {match.problem}")
    if match.id != values["task-id"]:
        raise BadInputError(
            f"parameters: task-id is {values['task-id']}, but ref belongs to task {match.id}: they must agree"
        )


def check_push_time(push: Push, *, created_at: datetime, settings: PushSettings) -> None:
    """Refuse a push from the future.

    Args:
        push: The push.
        created_at: The Workflow's creationTimestamp, by the API server's clock.
        settings: The tolerance between the two clocks, in seconds.

    Raises:
        BadInputError: The push is later than the Workflow by more than the tolerance.
    """
    if push.pushed_at > created_at + timedelta(seconds=settings.tolerance_s):
        raise BadInputError(
            f"parameters: pushed-at is {push.pushed_at.isoformat()}, after the Workflow's own creation at "
            f"{created_at.isoformat()}: give the time of the push in Unix seconds, or set the clocks right"
        )

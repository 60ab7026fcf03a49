"""The container of a command: what a person asked for in a comment on a pull request.

    python -m steps.command

Guarantees that nothing is written unless GitHub says that the person may write to the repository, and the pull request
is open, of this repository's own branch, and of a task. It stops no agent itself: it submits the Workflow of the head's
push, which does that while it holds the task's Lease, or adds the skip label. To repeat it changes nothing more.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steps.cancellation import build_workflow, nothing_to_do_report, report_line
from steps.core import ConflictError
from steps.domain import (
    COMMAND_REASON,
    HEADS,
    CommandKind,
    command_from_env,
    decide_age,
    decide_permission,
    find_task,
)
from steps.kube import WORKFLOWS
from steps.runtime import build_clients, pod_audit, pod_identity, run_process
from steps.settings import StepSettings, settings_from_env
from steps.telemetry import WriteCause, WriteReason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from steps.core import Clock
    from steps.domain import Command
    from steps.github import BranchPullRequest, GitHub
    from steps.runtime import Clients
    from steps.telemetry import Log, Measurements, Tracer


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """One command.

    Attributes:
        settings: The settings without a repository's policy.
        created_at: creationTimestamp of the command's Workflow.
    """

    asked: Command
    settings: StepSettings
    created_at: datetime
    clients: Clients
    log: Log
    measurements: Measurements


def command(context: CommandContext) -> None:
    """Do what a person asked for, or say why not.

    Raises:
        StepError: GitHub or the API server refused, or did not answer.
    """
    github = context.clients.github(lambda: None)
    refusal, found = _refusal(github, context=context), None
    if not refusal:
        found, refusal = _pull_request(github, context=context)
    if found is None:
        done = nothing_to_do_report(refusal)
    elif context.asked.kind is CommandKind.KEEP:
        done = _keep(found, github=github, context=context)
    else:
        done = _cancel(found, context=context)
    context.log.info("command", command=context.asked.kind, done=done)
    context.measurements.report(done)


def _refusal(github: GitHub, *, context: CommandContext) -> str:
    """Return why this person may not give this command now; empty if nothing speaks against it."""
    asked = context.asked
    if context.settings.ignores("commands", repository=asked.repository):
        return "commands do not count for this repository"
    if refusal := decide_age(asked, created_at=context.created_at):
        return refusal
    permission = github.permission(repository=asked.repository, login=asked.requested_by)
    return decide_permission(permission, login=asked.requested_by)


def _pull_request(github: GitHub, *, context: CommandContext) -> tuple[BranchPullRequest | None, str]:
    """Return the pull request, or why there is nothing to command."""
    asked = context.asked
    found = github.branch_pull_request(repository=asked.repository, number=asked.pull_request)
    if found is None:
        return None, f"the branch of #{asked.pull_request} is in a fork"
    if not found.is_open:
        return None, f"#{asked.pull_request} is closed"
    if find_task(found.branch, patterns=context.settings.tasks) is None:
        return None, f"{found.branch} is not the branch of a task"
    return found, ""


def _cancel(found: BranchPullRequest, *, context: CommandContext) -> str:
    """Submit the Workflow of the head's push. Its name holds the delivery's id, so a repetition finds it there.

    If the head's push is finished, that Workflow changes nothing: what began since works on the head.
    """
    asked, settings = context.asked, context.settings
    values = {
        "repository": asked.repository,
        "task-id": find_task(found.branch, patterns=settings.tasks) or "",
        "ref": f"{HEADS}{found.branch}",
        "sha": found.pull_request.head_sha,
        "pushed-at": str(int(asked.commented_at.timestamp())),
        "correlation-id": asked.correlation_id,
        "reason": COMMAND_REASON,
        "dry-run": "false",
        "requested-by": asked.requested_by,
    }
    workflow = build_workflow(values, settings=settings)
    name = workflow["metadata"]["name"]
    try:
        context.clients.kube.create(
            WORKFLOWS,
            namespace=settings.namespaces.workflows,
            body=workflow,
            reason=WriteReason(cause=WriteCause.SUBMIT, detail=COMMAND_REASON),
        )
    except ConflictError:
        return report_line(f"{name} was submitted already")
    return report_line(f"{name} submitted for {asked.requested_by}")


def _keep(found: BranchPullRequest, *, github: GitHub, context: CommandContext) -> str:
    """Add the skip label."""
    asked, number = context.asked, found.pull_request.number
    label = context.settings.for_repository(asked.repository).labels.skip
    if not label:
        return nothing_to_do_report("this repository has no skip label (labels.skip)")
    github.add_label(
        repository=asked.repository,
        number=number,
        label=label,
        reason=WriteReason(cause=WriteCause.ADD_LABEL, detail=COMMAND_REASON),
    )
    return report_line(f"{label} added to #{number} for {asked.requested_by}")


def _context(env: Mapping[str, str], clock: Clock, log: Log, measured: Measurements, tracer: Tracer) -> CommandContext:
    settings, asked = settings_from_env(env, StepSettings), command_from_env(env)
    _, created_at = pod_identity(env)
    log = log.bind(correlation_id=asked.correlation_id, repository=asked.repository, pull_request=asked.pull_request)
    tracer.set_attributes(correlation_id=asked.correlation_id, repository=asked.repository)
    audit = pod_audit(env, log=log.bind(requested_by=asked.requested_by, reason=COMMAND_REASON))
    clients = build_clients(settings, clock=clock, log=log, audit=audit, measured=measured, tracer=tracer)
    return CommandContext(
        asked=asked, settings=settings, created_at=created_at, clients=clients, log=log, measurements=measured
    )


if __name__ == "__main__":
    sys.exit(run_process(command, prepare=_context))

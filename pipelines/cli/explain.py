"""Explain why each agent of a task was or was not cancelled, from the task's record, or what a push would do.

    agent-cancellation explain TASK [--repository O/R] [--json]
    agent-cancellation explain --dry-run REPOSITORY BRANCH | WEBHOOK [--json]

Reads the cluster through the kubeconfig and writes nothing. Exits with 1 if the task has no record, or if the Sensor
or a policy drops the event.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.cli.help_text import CLUSTER_VARIABLES, REMOTE_EXITS
from pipelines.cli.options import add_command, add_context, add_json, add_settings, task_argument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.cli.options import Subparsers
    from steps.domain import TaskId


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "explain",
        run=run,
        summary="explain why each agent was or was not cancelled",
        examples=(
            "explain 7",
            "explain --dry-run octo-org/app task-7-fix",
        ),
        variables=CLUSTER_VARIABLES,
        exits=REMOTE_EXITS | {0: "done", 1: "no such task, or the event is dropped"},
    )
    add_settings(parser)
    add_context(parser)
    parser.add_argument(
        "subject",
        nargs="+",
        metavar="TASK",
        help="task id; with --dry-run a repository and a branch, or a file with a webhook's JSON",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="explain which task a branch is, and what a push to it would stop now"
    )
    parser.add_argument(
        "--repository", default="", metavar="OWNER/NAME", help="repository, if several have a task with this id"
    )
    add_json(parser, "print the record as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the explanation; returns the exit code.

    Raises:
        StepError: The settings are bad, or the API server refuses or does not answer.
    """
    from steps.core import BadInputError

    if options.dry_run:
        return _preview(options)
    if len(options.subject) > 1:
        raise BadInputError("explain: give one task, or --dry-run with a repository and a branch")
    try:
        tasks = task_argument(options.subject[0])
    except argparse.ArgumentTypeError as error:
        raise BadInputError(f"explain: {error}") from error
    return _explain(tasks, options)


def _explain(tasks: Sequence[TaskId], options: argparse.Namespace) -> int:
    from pipelines.cli.given_settings import given_settings
    from pipelines.cli.views.explanation import explain_task
    from pipelines.cli.views.output import open_console
    from pipelines.client import (
        kube_client,
        kubeconfig_transport,
        read_task_statuses,
        server_time,
        task_status_json,
    )
    from steps.core import Exit
    from steps.domain import Repository, dump_record
    from steps.lease import lease_name

    settings, transport = given_settings(options), kubeconfig_transport(context=options.context)
    now = server_time(transport, timeout_s=settings.kubernetes.timeout_s)
    wanted = [lease_name(repository=Repository(options.repository), task=task) for task in tasks]
    found = [
        each
        for each in read_task_statuses(settings, kube=kube_client(settings, transport=transport), now=now, tasks=tasks)
        if not options.repository or each.lease in wanted
    ]
    if not found:
        where = f" of {options.repository}" if options.repository else ""
        print(f"no cancellation recorded for task {tasks[0]}{where}", file=sys.stderr)
        return Exit.BUG
    if options.json:
        records = [{"record": json.loads(dump_record(each.record)) if each.record else None} for each in found]
        print(json.dumps([task_status_json(each) | more for each, more in zip(found, records, strict=True)], indent=1))
        return Exit.DONE
    console = open_console()
    for number, each in enumerate(found):
        if number:
            console.print()
        for sentence in explain_task(each, now=now, reconciles=settings.reconcile.every_s > 0):
            console.print(sentence)
    return Exit.DONE


def _preview(options: argparse.Namespace) -> int:
    """Print what the Sensor and the steps would do."""
    from dataclasses import asdict

    from pipelines.cli.given_settings import given_settings
    from pipelines.cli.views.event_text import describe_event, describe_runs
    from pipelines.cli.views.output import open_console
    from pipelines.client import kube_client, kubeconfig_transport, server_time
    from pipelines.preview import preview_event, preview_runs, push_payload, read_payload
    from steps.core import BadInputError, Exit, StepError

    settings = given_settings(options)
    match options.subject:
        case [repository, branch]:
            payload = push_payload(repository, branch, settings=settings)
        case [file]:
            payload = read_payload(Path(file))
        case _:
            raise BadInputError("explain --dry-run: give a repository and a branch, or one file")
    found = preview_event(payload, settings=settings)
    sentences, runs, problem = list(describe_event(found, settings=settings)), None, ""
    if found.match and not found.match.problem and not found.ignored:
        try:
            transport = kubeconfig_transport(context=options.context)
            now = server_time(transport, timeout_s=settings.kubernetes.timeout_s)
            kube = kube_client(settings, transport=transport)
            preview = preview_runs(found.repository, found.ref, found.match.id, settings=settings, kube=kube, now=now)
            sentences += describe_runs(preview, dropped=not found.event)
            runs, problem = preview.runs, preview.unread
        except StepError as error:
            problem = str(error)
            sentences.append(f"The runs of the task are not known: {problem}")
    if options.json:
        task = found.match.id if found.match and not found.match.problem else None
        document = {
            "event": found.event or None,
            "ignored": found.ignored,
            "dropped_by": [asdict(each) for each in found.dropped_by],
        }
        document |= {"repository": found.repository, "ref": found.ref, "task": task}
        document |= {"runs": None if runs is None else [asdict(each) for each in runs], "problem": problem or None}
        print(json.dumps(document, indent=1))
    else:
        console = open_console()
        for sentence in sentences:
            console.print(sentence)
    counts = found.event and not found.ignored
    return Exit.DONE if counts and found.match and not found.match.problem else Exit.BUG

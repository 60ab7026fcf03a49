"""Show where cancellations stand: which agents were stopped, which Workflows wait, what failed.

    agent-cancellation status [TASK] [--watch] [--json]

Reads Leases and Workflows through the kubeconfig and writes nothing. Exits with 0, or with 1 if the named task has no
record.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from pipelines.cli.help_text import CLUSTER_VARIABLES, REMOTE_EXITS
from pipelines.cli.options import add_command, add_context, add_json, add_settings, task_argument

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pipelines.cli.options import Subparsers
    from pipelines.client import TaskStatus

_EVERY_S = 2.0


def add_parser(subparsers: Subparsers) -> None:
    """Register the command and its options."""
    parser = add_command(
        subparsers,
        "status",
        run=run,
        summary="show where cancellations stand",
        examples=(
            "status",
            "status 7 --json | jq -r '.[].state'",
        ),
        variables=CLUSTER_VARIABLES,
        exits=REMOTE_EXITS | {0: "done", 1: "no such task"},
    )
    add_settings(parser)
    add_context(parser)
    parser.add_argument("task", type=task_argument, nargs="?", default=(), metavar="TASK", help="task id (all tasks)")
    parser.add_argument("--watch", action="store_true", help="show it again every two seconds, until interrupted")
    add_json(parser, "print it as JSON; with --watch one line each time")


def run(options: argparse.Namespace) -> int:
    """Print the status; returns the exit code.

    Raises:
        StepError: The settings are bad, or the API server refuses or does not answer.
    """
    from pipelines.cli.given_settings import given_settings
    from pipelines.cli.views.status_table import EMPTY, print_table, watch_table
    from pipelines.client import kube_client, kubeconfig_transport, read_task_statuses, server_time
    from steps.core import Exit

    settings, transport = given_settings(options), kubeconfig_transport(context=options.context)
    kube = kube_client(settings, transport=transport)
    now = partial(server_time, transport, timeout_s=settings.kubernetes.timeout_s)

    def read() -> list[TaskStatus]:
        return read_task_statuses(settings, kube=kube, now=now(), tasks=options.task)

    try:
        if options.json:
            found = _print_json(read, watch=options.watch)
            return Exit.DONE if found or not options.task else Exit.BUG
        if options.watch:
            watch_table(read, now=now, every_s=_EVERY_S)
        elif statuses := read():
            print_table(statuses, now=now())
        elif options.task:
            print(f"no cancellation recorded for task {options.task[0]}", file=sys.stderr)
            return Exit.BUG
        else:
            print(EMPTY, file=sys.stderr)
    except KeyboardInterrupt:
        # A watch has no other end.
        if not options.watch:
            raise
    return Exit.DONE


def _print_json(read: Callable[[], list[TaskStatus]], *, watch: bool) -> bool:
    """Print one document, or one line each time; returns whether there was anything.

    Raises:
        UnavailableError: The API server does not answer. A watch reads again.
    """
    from pipelines.client import task_status_json
    from steps.core import UnavailableError

    while True:
        try:
            statuses = [task_status_json(each) for each in read()]
            print(json.dumps(statuses, indent=None if watch else 1), flush=True)
        except UnavailableError as error:
            if not watch:
                raise
            print(f"not read, trying again: {error}", file=sys.stderr)
        else:
            if not watch:
                return bool(statuses)
        time.sleep(_EVERY_S)
